/**
 * How gossipsub scores its peers here.
 *
 * P3 is off, for traffic is sparse and a quiet mesh is no fault; P4 is on everywhere: one invalid
 * message costs 100, ten times as many cost a hundred times that, forgotten over an hour; P7
 * forgives six slips; P6, many peers behind one address, is the profile's to weigh.
 *
 * Source: libp2p/specs pubsub/gossipsub-v1.1.md, Peer Scoring.
 */

import type { gossipsub } from '@chainsafe/libp2p-gossipsub'

import type { PeerId } from '../../runtime/ports.ts'
import type { PeerProfile } from '../profiles.ts'

type GossipOptions = NonNullable<Parameters<typeof gossipsub>[0]>
type ScoreParams = NonNullable<GossipOptions['scoreParams']>

/** Counters shrink to a hundredth in an hour when multiplied by this each second. */
const HOUR_DECAY = 0.998_722

/** Score below which gossipsub hears a peer no more. */
export const GRAYLIST_BELOW: number = -2500

export const SCORE_THRESHOLDS: NonNullable<GossipOptions['scoreThresholds']> = {
  gossipThreshold: -500,
  publishThreshold: -1000,
  graylistThreshold: GRAYLIST_BELOW,
  acceptPXThreshold: 1000,
  opportunisticGraftThreshold: 2,
}

export function scoreParams(
  names: readonly string[],
  profile: PeerProfile,
  appScore: (peer: PeerId) => number,
): ScoreParams {
  const topic = {
    topicWeight: 1,
    timeInMeshWeight: 0.001,
    timeInMeshQuantum: 1000,
    timeInMeshCap: 3600,
    firstMessageDeliveriesWeight: 0.05,
    firstMessageDeliveriesDecay: 0.99,
    firstMessageDeliveriesCap: 100,
    meshMessageDeliveriesWeight: 0,
    meshFailurePenaltyWeight: 0,
    invalidMessageDeliveriesWeight: -100,
    invalidMessageDeliveriesDecay: HOUR_DECAY,
  }
  return {
    topics: Object.fromEntries(names.map((name) => [name, topic])) as never,
    topicScoreCap: 50,
    appSpecificScore: appScore,
    appSpecificWeight: 1,
    IPColocationFactorWeight: profile.colocationWeight,
    IPColocationFactorThreshold: profile.colocationThreshold,
    behaviourPenaltyWeight: -10,
    behaviourPenaltyThreshold: 6,
    behaviourPenaltyDecay: HOUR_DECAY,
    decayInterval: 1000,
    decayToZero: 0.01,
    retainScore: 3_600_000,
  }
}

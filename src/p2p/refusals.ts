/** The codes with which the peer stack refuses, what each means and what the reader can do. */

import type { RefusalTable } from '../base/refusal.ts'

export const REFUSALS: RefusalTable = {
  request_count_invalid: {
    meaning: 'A request asks for no item, or for more than one request may ask for.',
    remedy: 'Ask for between one and the limit that docs/reference/wire.md states.',
  },
  request_oversized: {
    meaning: 'A frame announces more bytes than its protocol allows.',
    remedy: 'Keep requests and answers within the limits of docs/reference/wire.md.',
  },
  request_rate_limited: {
    meaning: 'The peer has asked for more items in a short time than its quota holds.',
    remedy: 'Wait until the quota has grown back, or ask another peer.',
  },
  request_not_served: {
    meaning: 'This node does not answer that protocol, or could not in time.',
    remedy: 'Ask another peer.',
  },
  peer_busy: {
    meaning: 'The node already serves as many streams as it allows.',
    remedy: 'Try again later, or ask another peer.',
  },
  blob_unknown: {
    meaning: 'The node does not hold the blob, or not the range that was asked for.',
    remedy: 'Ask another peer for it.',
  },
  blob_not_found: {
    meaning: 'No peer that was asked could give the whole blob in time.',
    remedy: 'Check the digest and the length, or wait until a holder is connected.',
  },
  blob_digest_mismatch: {
    meaning: 'The bytes that peers sent do not have the digest that was asked for.',
    remedy: 'Nothing to do: the senders were blamed and the bytes thrown away.',
  },
  answer_truncated: {
    meaning: 'A frame of an answer is shorter than its own header.',
    remedy: 'Nothing to do: the peer was blamed and another one can be asked.',
  },
  wrong_context: {
    meaning: 'An answer carries the context bytes of another chain.',
    remedy: 'Give both nodes the same genesis file, or connect to a peer of this chain.',
  },
  result_unknown: {
    meaning: 'The result byte of an answer is none that this version knows.',
    remedy: 'Nothing to do: the peer was blamed and another one can be asked.',
  },
  refusal_malformed: {
    meaning: 'A peer refused a request, but its refusal cannot be decoded.',
    remedy: 'Nothing to do: the peer was blamed and another one can be asked.',
  },
  blob_header_malformed: {
    meaning: 'The first frame of a blob is not a header.',
    remedy: 'Nothing to do: the sender was banned and another one can be asked.',
  },
  blob_length_mismatch: {
    meaning: 'A peer announces another length for a blob than the ledger does, or another range.',
    remedy: 'Nothing to do: the sender was banned and another one can be asked.',
  },
  blob_frame_broken: {
    meaning: 'A frame of a blob is no chunk of bytes.',
    remedy: 'Nothing to do: the sender was banned and another one can be asked.',
  },
  blob_too_long: {
    meaning: 'A peer sent more bytes of a blob than it was asked for, or an empty frame.',
    remedy: 'Nothing to do: the sender was banned and another one can be asked.',
  },
  gossip_graylisted: {
    meaning: 'A peer sent so many invalid messages that its gossip is heard no more.',
    remedy: 'Run a version that follows docs/reference/wire.md; the ban ends after half an hour.',
  },
  gossip_oversized: {
    meaning: 'A gossip message is larger than its topic allows.',
    remedy: 'Keep payloads within the limits of docs/reference/wire.md.',
  },
  gossip_empty: {
    meaning: 'A gossip message has no payload.',
    remedy: 'Send one encoded object in each message.',
  },
  gossip_wrong_topic: {
    meaning: 'The object does not belong on the topic it was sent on.',
    remedy: 'Publish each kind on the topic that docs/reference/wire.md names.',
  },
  gossip_duplicate: {
    meaning: 'An object with the same identity was judged a short while ago.',
    remedy: 'Nothing to do: the first copy counts.',
  },
  gossip_queue_full: {
    meaning: 'The queue of this topic is full and the message was dropped unjudged.',
    remedy: 'Nothing to do: the object will be repaired by stream or sent again by its maker.',
  },
  gossip_peer_quota: {
    meaning: 'One peer already holds its share of the evidence queue.',
    remedy: 'Wait until earlier evidence of this peer has been judged.',
  },
  gossip_expired: {
    meaning: 'An offer had expired before it was judged.',
    remedy: 'Make a new offer with a later expiry.',
  },
  gossip_parking_full: {
    meaning:
      'The object waits for a height or an object not yet known, and the waiting room is full.',
    remedy: 'Send it again after the next blocks.',
  },
  gossip_parking_expired: {
    meaning: 'What the object waited for did not come within three blocks.',
    remedy: 'Send it again when the object that it names is in a block.',
  },
  sync_answer_invalid: {
    meaning: 'A peer answered a request for blocks with the wrong number or order of blocks.',
    remedy: 'Nothing to do: the peer was blamed and another one asked.',
  },
  peer_record_invalid: {
    meaning: 'A peer record is not signed by the peer it speaks of, or names unusable addresses.',
    remedy: 'Exchange only records that their own peers signed.',
  },
  status_malformed: {
    meaning: 'A status message cannot be decoded.',
    remedy: 'Encode it with the schema of docs/reference/wire.md.',
  },
  wrong_genesis: {
    meaning: 'The peer follows a chain with another genesis hash.',
    remedy: 'Give both nodes the same genesis file, or connect to a peer of this chain.',
  },
  identity_key_unreadable: {
    meaning: 'The file with the identity key of this node is not an Ed25519 key.',
    remedy: 'Restore the file from a copy, or move it away to get a new identity.',
  },
  listen_failed: {
    meaning: 'The node could not listen on an address, most often because the port is in use.',
    remedy: 'Choose another port, or let the system choose one with port 0.',
  },
}

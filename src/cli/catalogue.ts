/**
 * Every command of `tb-cli`: its words, options, and the file that runs it.
 *
 * Help and usage come from this table alone; a command's file is loaded only when it runs, so that
 * starting costs the same however many commands there are. docs/reference/cli.md is generated here.
 */

import type { Command } from './context.ts'

export interface CommandEntry {
  /** `keys new`: groups, then the verb. */
  readonly path: string
  readonly summary: string
  /** `<name>` is required, `[name]` is not, `<name...>` takes many. */
  readonly args?: readonly string[]
  /** Flags as commander writes them, each with its meaning. */
  readonly options?: readonly (readonly [flags: string, meaning: string])[]
  /** Talks to a node: takes --node and --timeout. */
  readonly online: boolean
  /** Prints a list: takes --csv. */
  readonly list: boolean
  readonly load: () => Promise<{ readonly run: Command }>
}

const HOME: readonly [string, string] = [
  '--home <folder>',
  'data folder (default: TB_HOME, or blocktorch in the XDG data folder)',
]

const KEY: readonly [string, string] = [
  '--key <name>',
  "key that signs: name or file (default: the devnet's buyer, then the key `default`)",
]
const TIP: readonly [string, string] = ['--tip <amount>', 'paid to the proposer (default: 0)']
const LIMIT: readonly [string, string] = ['--limit <count>', 'at most so many']
const CURSOR: readonly [string, string] = ['--cursor <text>', '`next` of the page before']
const OUTPUT: readonly [string, string] = [
  '--output <folder>',
  'write the outputs of a settled job there',
]
const WITHIN: readonly [string, string] = ['--within <seconds>', 'stop watching after so long']
const DATA: readonly [string, string] = ['--data <folder>', 'data folder of the node']
const LISTEN: readonly [string, string] = [
  '--listen <multiaddrs>',
  'addresses to listen on (default: any free port of 127.0.0.1)',
]
const HTTP_PORT: readonly [string, string] = [
  '--http-port <port>',
  'port of the HTTP interface (default: any free one)',
]

const PROGRAM_OUTPUT: readonly [string, string] = [
  '-o, --output <folder>',
  'the program folder that is written',
]
const FABRICS: readonly [string, string] = [
  '--fabric <names...>',
  'only these: names, or paths of plugins (default: all that the repository builds)',
]
const ISA: readonly [string, string] = [
  '--isa <isa>',
  'force an instruction set: scalar, avx2, avx512',
]
const THREADS: readonly [string, string] = [
  '--threads <count>',
  'threads of the fabric, 0 for one a core',
]

const LAB_LOG: readonly [string, string] = ['--log <file>', 'the log (default: runs/lab.jsonl)']
const LAB_SET: readonly [string, string] = [
  '--set <file>',
  'programs with their tensors (default: examples/lab/set.json)',
]
const LAB_ONLY: readonly [string, string] = [
  '--only <names...>',
  'only subjects whose name begins so: mnist, vectors/add_f32',
]

export const GROUPS: Readonly<Record<string, string>> = {
  keys: 'keys and where they lie',
  node: 'a node of your own',
  provider: 'earn with your machine',
  job: 'buy a run of a program',
  program: 'what can be run',
  compute: 'the market',
  fabric: 'what computes on this machine',
  explorer: 'what the chain has recorded',
  governor: 'gates and timeline',
  gov: 'parameters and proposals',
  account: 'money',
  lab: 'which bits came out where',
  profile: 'what runs allocate and release',
  config: 'settings of a node',
}

export const COMMANDS: readonly CommandEntry[] = [
  {
    path: 'keys new',
    summary: 'make an Ed25519 key; says where it lies and how to back it up',
    args: ['<name>'],
    options: [HOME],
    online: false,
    list: false,
    load: () => import('./commands/keys-new.ts'),
  },
  {
    path: 'keys show',
    summary: 'the public key and the file of a key; never the secret',
    args: ['<name>'],
    options: [HOME],
    online: false,
    list: false,
    load: () => import('./commands/keys-show.ts'),
  },
  {
    path: 'keys list',
    summary: 'all keys of the data folder',
    options: [HOME],
    online: false,
    list: true,
    load: () => import('./commands/keys-list.ts'),
  },
  {
    path: 'status',
    summary: 'who the node is and where its chain stands',
    online: true,
    list: false,
    load: () => import('./commands/status.ts'),
  },
  {
    path: 'peers',
    summary: 'whom the node is connected to, or why to nobody',
    online: true,
    list: true,
    load: () => import('./commands/peers.ts'),
  },
  {
    path: 'explain',
    summary: 'why a job, program, ask, receipt or proposal is in its state',
    args: ['<id>'],
    online: true,
    list: false,
    load: () => import('./commands/explain.ts'),
  },
  {
    path: 'join',
    summary: 'become a validator of the network that answers at URL or URL#GENESISHASH',
    args: ['<url>'],
    options: [
      HOME,
      DATA,
      LISTEN,
      HTTP_PORT,
      ['--bond <amount>', 'what to bond (default: the least that is allowed)'],
      ['--exit-after-vote', 'stop the node once its vote stands in a block'],
      WITHIN,
    ],
    online: false,
    list: false,
    load: () => import('./commands/join.ts'),
  },
  {
    path: 'node start',
    summary: 'run a node until Ctrl-C',
    options: [
      ['--config <file>', 'YAML or JSON of settings, as `config show` names them'],
      DATA,
      ['--genesis <file>', 'genesis file (default: genesis.json in the data folder)'],
      ['--bootstrap <multiaddrs>', 'peers to begin with'],
      LISTEN,
      HTTP_PORT,
      ['--fabrics <which>', 'fabric of a provider: none, auto, cpu'],
      ['--log-level <level>', 'debug, info, warn, error, silent'],
      ['--set <settings...>', 'any setting as key=value'],
    ],
    online: false,
    list: false,
    load: () => import('./commands/node-start.ts'),
  },
  {
    path: 'provider start',
    summary: 'become a provider of the network that answers at URL or URL#GENESISHASH',
    args: ['<url>'],
    options: [
      HOME,
      DATA,
      LISTEN,
      HTTP_PORT,
      ['--bond <amount>', 'what to bond (default: the least that is allowed)'],
      ['--lane <lane>', 'consumer or industrial (default: consumer)'],
      ['--price <amount>', 'for a unit of work (default: the middle of what others ask)'],
      ['--blocks <count>', 'blocks that any job takes at least'],
      ['--units-per-block <count>', 'units done in a block'],
      ['--jobs <count>', 'jobs in hand at once'],
      THREADS,
      ['--exit-after-ask', 'stop the node once its ask is on the book'],
    ],
    online: false,
    list: false,
    load: () => import('./commands/provider-start.ts'),
  },
  {
    path: 'job submit',
    summary: 'estimate, upload, sign and submit the job of a JSON or YAML file or a program folder',
    args: ['<job>'],
    options: [
      HOME,
      KEY,
      ['--watch', 'follow it to its end'],
      WITHIN,
      OUTPUT,
      ['--input <files...>', 'of a program folder: NAME=FILE for each input, raw elements'],
      ['--verification <kind>', 'of a program folder: fold or replay (default: what fits)'],
      ['--lane <lane>', 'of a program folder: consumer or industrial (default: consumer)'],
      ['--price-ceiling <amount>', 'of a program folder: what the run may cost at most'],
      ['--deadline-blocks <count>', 'of a program folder: blocks until it is due'],
    ],
    online: true,
    list: false,
    load: () => import('./commands/job-submit.ts'),
  },
  {
    path: 'job show',
    summary: 'a job, its attempts and its story',
    args: ['<id>'],
    options: [['--watch', 'follow it to its end'], WITHIN, OUTPUT],
    online: true,
    list: false,
    load: () => import('./commands/job-show.ts'),
  },
  {
    path: 'job cancel',
    summary: 'take an offer back that nobody was matched to',
    args: ['<id>'],
    options: [HOME, KEY, TIP],
    online: true,
    list: false,
    load: () => import('./commands/job-cancel.ts'),
  },
  {
    path: 'program import',
    summary: 'make a program folder of an ONNX model',
    args: ['<model>'],
    options: [
      PROGRAM_OUTPUT,
      ['--dim <sizes...>', 'NAME=SIZE for each size that the model leaves open'],
      ['--input-shape <shapes...>', 'NAME=SIZE,SIZE,... in place of the shape in the model'],
      ['--weights <file>', 'safetensors whose tensors replace weights of the same names'],
      ['--labels <file>', 'names of the classes of the first output, one a line'],
      ['--name <name>', 'how people call it (default: the name of the file)'],
    ],
    online: false,
    list: false,
    load: () => import('./commands/program-import.ts'),
  },
  {
    path: 'program quantize',
    summary: 'make int8 products of the f32 products of a program folder, and tell what it costs',
    args: ['<folder>'],
    options: [
      PROGRAM_OUTPUT,
      ['--calibration <files...>', 'samples: raw f32, .npy or IDX; NAME=FILE with several inputs'],
      ['--evaluation <files...>', 'samples to compare both on (default: those of calibration)'],
      ['--labels <file>', 'class of each evaluation sample: raw s32, .npy or IDX'],
      ['--keep <weights...>', 'names of weights whose products stay f32'],
      ['--fabric <name>', 'what runs both (default: cpu)'],
      THREADS,
    ],
    online: false,
    list: false,
    load: () => import('./commands/program-quantize.ts'),
  },
  {
    path: 'program export',
    summary: 'write the weights of a program folder as safetensors',
    args: ['<folder>', '<file>'],
    online: false,
    list: false,
    load: () => import('./commands/program-export.ts'),
  },
  {
    path: 'program register',
    summary: 'hand a program folder, or a program and its weights, to the validators',
    args: ['<program>'],
    options: [
      HOME,
      KEY,
      ['--weights <files...>', 'of a file: one for each weight, in order; .gz is unpacked'],
      ['--name <name>', 'how people call it (default: the name of the file)'],
      TIP,
    ],
    online: true,
    list: false,
    load: () => import('./commands/program-register.ts'),
  },
  {
    path: 'program show',
    summary: 'what a program folder, file or registered program does and costs, how it is verified',
    args: ['<program>'],
    options: [['--ops', 'every op, not only how often each stands in it']],
    online: true,
    list: false,
    load: () => import('./commands/program-show.ts'),
  },
  {
    path: 'program list',
    summary: 'registered programs, newest first',
    options: [LIMIT, CURSOR],
    online: true,
    list: true,
    load: () => import('./commands/program-list.ts'),
  },
  {
    path: 'compute stats',
    summary: 'jobs, money, latency and the timeline lines',
    online: true,
    list: false,
    load: () => import('./commands/compute-stats.ts'),
  },
  {
    path: 'compute list',
    summary: 'jobs, newest first',
    options: [
      ['--state <state>', 'only jobs in this state: Offered, Matched, ..., Settled'],
      ['--provider <id>', 'only jobs that this provider was matched to'],
      ['--buyer <id>', 'only jobs of this buyer'],
      LIMIT,
      CURSOR,
    ],
    online: true,
    list: true,
    load: () => import('./commands/compute-list.ts'),
  },
  {
    path: 'fabric list',
    summary: 'every fabric: available, or why not',
    options: [FABRICS],
    online: false,
    list: true,
    load: () => import('./commands/fabric-list.ts'),
  },
  {
    path: 'fabric probe',
    summary: 'what the device of each fabric says of itself',
    options: [FABRICS, ISA],
    online: false,
    list: false,
    load: () => import('./commands/fabric-probe.ts'),
  },
  {
    path: 'fabric selftest',
    summary: 'self-test and all golden vectors on each fabric',
    options: [FABRICS, ISA],
    online: false,
    list: true,
    load: () => import('./commands/fabric-selftest.ts'),
  },
  {
    path: 'fabric bench',
    summary: 'how fast each fabric does a few ops, hashing of outputs included',
    options: [FABRICS, ISA, THREADS, ['--op <names...>', 'only these ops']],
    online: false,
    list: true,
    load: () => import('./commands/fabric-bench.ts'),
  },
  {
    path: 'fabric run',
    summary: 'run a program file or folder on raw files and tell the digests of its outputs',
    args: ['<program>'],
    options: [
      ['--input <files...>', 'NAME=FILE for each input; NAME is its number, from 0'],
      ['--weight <files...>', 'FILE for each weight, known by its digest, or NAME=FILE'],
      ['--fabric <name>', 'name, path of a plugin, or reference (default: cpu)'],
      ISA,
      THREADS,
      ['--trace', 'digests of the outputs of all ops'],
      ['--out <folder>', 'write the outputs there'],
    ],
    online: false,
    list: false,
    load: () => import('./commands/fabric-run.ts'),
  },
  {
    path: 'explorer receipts',
    summary: 'receipts, newest first',
    options: [
      ['--job <id>', 'only of this job'],
      ['--provider <id>', 'only of this provider'],
      LIMIT,
      CURSOR,
    ],
    online: true,
    list: true,
    load: () => import('./commands/explorer-receipts.ts'),
  },
  {
    path: 'explorer slashes',
    summary: 'who lost what for what, newest first',
    options: [LIMIT, CURSOR],
    online: true,
    list: true,
    load: () => import('./commands/explorer-slashes.ts'),
  },
  {
    path: 'explorer blocks',
    summary: 'blocks with signers and events, newest first',
    options: [['--from <height>', 'begin at this height'], LIMIT],
    online: true,
    list: true,
    load: () => import('./commands/explorer-blocks.ts'),
  },
  {
    path: 'governor status',
    summary: 'gates, proposals in flight and the timeline lines',
    online: true,
    list: false,
    load: () => import('./commands/governor-status.ts'),
  },
  {
    path: 'gov params',
    summary: 'the values the chain is governed by',
    online: true,
    list: true,
    load: () => import('./commands/gov-params.ts'),
  },
  {
    path: 'gov show',
    summary: 'one proposal, or all of them',
    args: ['[id]'],
    online: true,
    list: true,
    load: () => import('./commands/gov-show.ts'),
  },
  {
    path: 'gov propose',
    summary: 'propose to change parameters: KEY=VALUE words',
    args: ['[changes...]'],
    options: [
      HOME,
      KEY,
      ['--rollback <id>', 'undo the change of this proposal instead'],
      ['--title <text>', 'what it is for (default: made of the changes)'],
      ['--deposit <amount>', 'deposit (default: what sends it to the vote at once)'],
    ],
    online: true,
    list: false,
    load: () => import('./commands/gov-propose.ts'),
  },
  {
    path: 'gov vote',
    summary: 'vote yes, no, abstain or veto',
    args: ['<id>', '<vote>'],
    options: [HOME, KEY],
    online: true,
    list: false,
    load: () => import('./commands/gov-vote.ts'),
  },
  {
    path: 'account show',
    summary: 'balance, nonce and roles; of your own key without an id',
    args: ['[id]'],
    options: [HOME, KEY],
    online: true,
    list: false,
    load: () => import('./commands/account-show.ts'),
  },
  {
    path: 'account transfer',
    summary: 'pay another account: 12.5 is BLOCK, 123n is nBLOCK',
    args: ['<id>', '<amount>'],
    options: [HOME, KEY, TIP],
    online: true,
    list: false,
    load: () => import('./commands/account-transfer.ts'),
  },
  {
    path: 'lab log',
    summary: 'run programs and golden vectors on every fabric and append what came out to a log',
    options: [
      LAB_LOG,
      LAB_SET,
      LAB_ONLY,
      ['--fabric <names...>', 'only these: names, paths of plugins, reference'],
      ISA,
      HOME,
      ['--key <name>', 'sign the log with this key'],
    ],
    online: false,
    list: true,
    load: () => import('./commands/lab-log.ts'),
  },
  {
    path: 'lab repro',
    summary: 'run entries of a log again and compare; tells the commands to do it from nothing',
    args: ['[entry]'],
    options: [
      LAB_LOG,
      LAB_SET,
      LAB_ONLY,
      ['--fabric <name>', 'on this fabric instead of the one of the entry'],
      ISA,
    ],
    online: false,
    list: true,
    load: () => import('./commands/lab-repro.ts'),
  },
  {
    path: 'lab verify',
    summary: 'whether a log is whole, unchanged, and says one thing about every bit',
    args: ['<file>'],
    options: [
      ['--head <digest>', 'chain value that its last entry must have'],
      ['--signer <key>', 'public key that must have signed it'],
    ],
    online: false,
    list: false,
    load: () => import('./commands/lab-verify.ts'),
  },
  {
    path: 'profile show',
    summary: 'jobs of the tensor profile since its last reset, and what they leaked',
    args: ['[job]'],
    options: [DATA],
    online: false,
    list: true,
    load: () => import('./commands/profile-show.ts'),
  },
  {
    path: 'profile reset',
    summary: 'count anew from here on; the lines of before stay to be read',
    options: [DATA],
    online: false,
    list: false,
    load: () => import('./commands/profile-reset.ts'),
  },
  {
    path: 'profile clear',
    summary: 'remove the log of the tensor profile',
    options: [DATA],
    online: false,
    list: false,
    load: () => import('./commands/profile-clear.ts'),
  },
  {
    path: 'config show',
    summary: 'every setting of a node started here, and where it comes from',
    online: false,
    list: true,
    load: () => import('./commands/config-show.ts'),
  },
]

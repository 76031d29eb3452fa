/** An honest node of the devnet, as a process of its own. */

import '../src/p2p/io/polyfill.ts'

import { runNodeProcess } from '../src/cli/node-process.ts'

await runNodeProcess(process.argv[2] ?? '')

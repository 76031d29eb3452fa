/** An honest node of the devnet, as a process of its own. */

import '../src/p2p/io/polyfill.ts'

import { runNodeProcess } from '../src/cli/node-process.ts'
import { stopWithParent } from './parent.ts'

stopWithParent()
await runNodeProcess(process.argv[2] ?? '')

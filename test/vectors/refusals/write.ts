/** Writes the refused nodes beside this file's source: `node dist/test/vectors/refusals/write.js`. */

import { writeFileSync } from 'node:fs'

import { repositoryFile } from '../../unit/program/files.ts'
import { refusalFile } from './op-nodes.ts'

writeFileSync(repositoryFile('test/vectors/refusals/op-nodes.json'), refusalFile())

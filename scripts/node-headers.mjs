/** Where the headers of this Node are. */

import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

const PLACES = [
  join(dirname(process.execPath), '../include/node'),
  ...(process.env.npm_config_nodedir === undefined
    ? []
    : [join(process.env.npm_config_nodedir, 'include/node')]),
  '/usr/include/node',
]

export const HEADERS_MISSING =
  `Node's headers (node_api.h) are in none of: ${PLACES.join(', ')}.\n` +
  'Install them (Debian, Ubuntu: sudo apt-get install -y libnode-dev), or take Node from a ' +
  'package that brings them, or name their folder: npm config set nodedir /path/of/node'

/** The folder of node_api.h, or undefined when there is none. */
export function nodeHeaders() {
  return PLACES.find((place) => existsSync(join(place, 'node_api.h')))
}

/** Refusal codes of the HTTP interface itself. */

import type { RefusalTable } from '../base/refusal.ts'

export const REFUSALS: RefusalTable = {
  blob_absent: {
    meaning: 'This node does not hold the blob.',
    remedy: 'Ask the node it was uploaded to, or upload it.',
  },
  block_unknown: {
    meaning: 'This node has no such block.',
    remedy: 'Check height or id; a node that is still catching up has it later.',
  },
  body_malformed: {
    meaning: 'The body is not the JSON object that this route takes.',
    remedy: 'See docs/reference/http.md; send content-type application/json.',
  },
  body_too_large: {
    meaning: 'The body is longer than this route takes.',
    remedy: 'Send less; the limits stand in docs/reference/http.md.',
  },
  faucet_absent: {
    meaning: 'This node holds no faucet key.',
    remedy: 'Ask the first node of a devnet; other chains have no faucet.',
  },
  host_unknown: {
    meaning: 'The request names a host that this interface does not serve.',
    remedy: 'Use the address the node printed; behind a proxy, name the host in its configuration.',
  },
  http_busy: {
    meaning: 'As many streams or uploads are open as this node serves at once.',
    remedy: 'Try again in a moment; close streams that nobody reads.',
  },
  id_unknown: {
    meaning: 'Nothing in the state of the chain has this id.',
    remedy: 'Check the id; what waits for a block is known once it is included.',
  },
  internal_fault: {
    meaning: 'The node contradicted itself while answering.',
    remedy: 'Report it with the line of the log that has the same code.',
  },
  json_too_deep: {
    meaning: 'The JSON is nested deeper, or has more keys, than any request needs.',
    remedy: 'Send the flat object that the route takes.',
  },
  media_type_unknown: {
    meaning: 'The route does not take this content-type.',
    remedy: 'Send application/json; blobs as application/octet-stream.',
  },
  query_malformed: {
    meaning: 'A parameter of the path or the query is not what the route takes.',
    remedy: 'See docs/reference/http.md; ids are 64 lower-case hexadecimal digits.',
  },
  route_unknown: {
    meaning: 'The interface has no such route.',
    remedy: 'See docs/reference/http.md.',
  },
  submit_silent: {
    meaning: 'The node did not decide in time whether to take the object.',
    remedy: 'Ask for the object by its id, then submit it again: that is harmless.',
  },
}

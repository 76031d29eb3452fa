/** The devnet's view of a node: its HTTP interface, as any client sees it. */

export class NodeClient {
  readonly url: string

  constructor(url: string) {
    this.url = url
  }

  async get<Body>(path: string): Promise<Body> {
    const response = await fetch(`${this.url}${path}`)
    return await bodyOf<Body>(path, response)
  }

  async text(path: string): Promise<string> {
    const response = await fetch(`${this.url}${path}`)
    return await response.text()
  }

  async post<Body>(path: string, body: object): Promise<Body> {
    const response = await fetch(`${this.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    return await bodyOf<Body>(path, response)
  }

  async upload(bytes: Uint8Array): Promise<{ readonly digest: string; readonly bytes: number }> {
    const response = await fetch(`${this.url}/blocktorch/blobs`, {
      method: 'POST',
      headers: { 'content-type': 'application/octet-stream' },
      body: bytes as Uint8Array<ArrayBuffer>,
    })
    return await bodyOf('/blocktorch/blobs', response)
  }

  async blob(digest: string): Promise<Uint8Array> {
    const response = await fetch(`${this.url}/blocktorch/blobs/${digest}`)
    if (!response.ok) throw new Error(`blob ${digest.slice(0, 8)}: ${response.status}`)
    return new Uint8Array(await response.arrayBuffer())
  }
}

async function bodyOf<Body>(path: string, response: Response): Promise<Body> {
  const text = await response.text()
  if (!response.ok) throw new Error(`${path}: ${response.status} ${text.slice(0, 300)}`)
  return JSON.parse(text) as Body
}

/** Asks again until `accept` takes the answer. @throws Error after `ms`, saying what was awaited. */
export async function until<Value>(
  what: string,
  ms: number,
  ask: () => Promise<Value | undefined>,
  pauseMs = 40,
): Promise<Value> {
  const end = performance.now() + ms
  let last = ''
  while (performance.now() < end) {
    try {
      const value = await ask()
      if (value !== undefined) return value
    } catch (error) {
      last = String(error)
    }
    await new Promise((done) => setTimeout(done, pauseMs))
  }
  throw new Error(
    `gave up after ${ms / 1000} s waiting for ${what}${last === '' ? '' : `: ${last}`}`,
  )
}

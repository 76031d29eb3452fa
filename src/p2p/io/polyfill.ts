/** Node 20 lacks `Promise.withResolvers`, which libp2p 3 calls. Import before anything of libp2p. */

interface Resolvers<Value> {
  readonly promise: Promise<Value>
  readonly resolve: (value: Value | PromiseLike<Value>) => void
  readonly reject: (reason: unknown) => void
}

function withResolvers<Value>(): Resolvers<Value> {
  let resolve: Resolvers<Value>['resolve'] = () => {}
  let reject: Resolvers<Value>['reject'] = () => {}
  const promise = new Promise<Value>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

const ours = Promise as unknown as { withResolvers?: typeof withResolvers }
// The test is for the feature: a runtime that has it keeps its own.
ours.withResolvers ??= withResolvers

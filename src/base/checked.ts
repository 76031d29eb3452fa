/** Values whose signatures have been verified: what a step accepts and only the engine can make. */

declare const checkedBrand: unique symbol

/** `Value`, every signature of which the `Verifier` port has accepted. */
export type Checked<Value> = Value & { readonly [checkedBrand]: true }

/**
 * Marks `value` as verified. Only the engine may call this, on an event that returns from
 * `Verifier.check` with every verdict true, or on what this node signed itself.
 */
export function checked<Value>(value: Value): Checked<Value> {
  return value as Checked<Value>
}

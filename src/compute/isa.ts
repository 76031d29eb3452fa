/**
 * The instruction sets by which the CPU fabric can be told to compute, narrowest first.
 *
 * Results are the same bits on every one of them; forcing one serves comparison and diagnosis. What
 * a fabric says of itself may be another word, such as the architecture of a GPU.
 */

export type Isa = 'scalar' | 'avx2' | 'avx512'

export const ISAS: readonly Isa[] = ['scalar', 'avx2', 'avx512']

/** The variable that a native fabric reads; it does not open where the processor lacks the set. */
export const ISA_KNOB = 'TB_BLOCKTORCH_ISA'

export function isaEnvironment(isa: Isa | undefined): Readonly<Record<string, string>> {
  return isa === undefined ? {} : { [ISA_KNOB]: isa }
}

export function isIsa(word: string): word is Isa {
  return (ISAS as readonly string[]).includes(word)
}

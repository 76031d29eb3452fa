/**
 * The instruction sets by which the CPU fabric can be told to compute, narrowest first.
 *
 * Results are the same bits on every one of them; forcing one serves comparison and diagnosis. What
 * a fabric says of itself may be another word, such as the architecture of a GPU.
 */

export type Isa = 'scalar' | 'avx2' | 'avx512'

export const ISAS: readonly Isa[] = ['scalar', 'avx2', 'avx512']

/** The variable that a native fabric reads, and the word in it for each instruction set. */
const ISA_KNOB = 'TB_BLOCKTORCH_ISA'
const KNOB_WORDS: Readonly<Record<Isa, string>> = { scalar: 'base', avx2: 'mid', avx512: 'wide' }

/** Environment that makes a native fabric compute with `isa`, or with a narrower one if it must. */
export function isaEnvironment(isa: Isa | undefined): Readonly<Record<string, string>> {
  return isa === undefined ? {} : { [ISA_KNOB]: KNOB_WORDS[isa] }
}

/** What a fabric says of its instruction set, in the words of this page. */
export function isaWord(said: string): string {
  return said === KNOB_WORDS.scalar ? 'scalar' : said
}

export function isIsa(word: string): word is Isa {
  return (ISAS as readonly string[]).includes(word)
}

/** Finding a program by its id or by the name it was registered under. */

import type { Items, ProgramDetail, ProgramRow } from './answers.ts'
import { isId, LIMIT_MAX } from './arguments.ts'
import type { Client } from './client.ts'
import { EXIT, fail } from './failure.ts'

/** @throws CliFailure program_not_found, program_name_ambiguous */
export async function findProgram(client: Client, wanted: string): Promise<ProgramDetail> {
  const id = isId(wanted) ? wanted : await idNamed(client, wanted)
  return client.get<ProgramDetail>(`/blocktorch/programs/${id}`)
}

/** Among several of one name the only one that is available is meant. */
async function idNamed(client: Client, name: string): Promise<string> {
  const path = `/blocktorch/programs?limit=${LIMIT_MAX}`
  const { items } = await client.get<Items<ProgramRow>>(path)
  const named = items.filter((program) => program.name === name)
  const available = named.filter(({ state }) => state === 'available')
  const candidates = available.length > 0 ? available : named
  if (candidates.length > 1) {
    fail(EXIT.rejected, 'program_name_ambiguous', { name, programs: candidates.length })
  }
  return candidates[0]?.id ?? fail(EXIT.notFound, 'program_not_found', { program: name })
}

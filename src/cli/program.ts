/**
 * From words to an exit code: parses, loads the one command that is meant, runs it, and turns
 * whatever goes wrong into a coded answer.
 *
 *   argv -> commander (built from the catalogue) -> command -> exit code
 *                       usage                       failure -> errors.ts
 */

import { CommanderError, Option, Command as Parser } from 'commander'

import { COMMANDS, type CommandEntry, GROUPS } from './catalogue.ts'
import type { Context, Environment, Format, Input } from './context.ts'
import { EXIT, type ExitCode, fail, ReportedFailure } from './failure.ts'
import { commonOptions, TIMEOUT_S_DEFAULT, TIMEOUT_S_MAX } from './options.ts'

export async function runCli(argv: readonly string[], environment: Environment): Promise<ExitCode> {
  const format: Format = argv.includes('--json') ? 'json' : 'text'
  try {
    await parserFor(environment).parseAsync(argv, { from: 'user' })
    return EXIT.ok
  } catch (error) {
    if (error instanceof CommanderError) {
      // Help that was asked for is a result; commander has already written it.
      if (error.exitCode === 0) return EXIT.ok
      if (format !== 'json') return EXIT.usage
      return reportUsage(environment, error)
    }
    if (error instanceof ReportedFailure) return error.exit
    return await tell(environment, format, error)
  }
}

async function tell(environment: Environment, format: Format, error: unknown): Promise<ExitCode> {
  const { reportFailure } = await import('./errors.ts')
  return reportFailure(environment, format, error)
}

async function reportUsage(environment: Environment, error: CommanderError): Promise<ExitCode> {
  try {
    return fail(EXIT.usage, 'usage', { reason: error.message.replace(/^error: /, '') })
  } catch (failure) {
    return await tell(environment, 'json', failure)
  }
}

function parserFor(environment: Environment): Parser {
  const top = configure(new Parser('tb-cli'), environment)
    .description('BlockTorch: a marketplace of verifiable tensor compute')
    .version('0.1.0')
    .addHelpText(
      'after',
      '\nExit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 rejected, ' +
        '5 no node, 6 time-out, 130 interrupted',
    )
  const groups = new Map<string, Parser>([['', top]])
  for (const entry of COMMANDS) add(groups, entry, environment)
  return top
}

function configure(parser: Parser, environment: Environment): Parser {
  return parser
    .exitOverride()
    .showSuggestionAfterError(true)
    .helpCommand(false)
    .configureOutput({ writeOut: environment.stdout, writeErr: environment.stderr })
}

function groupOf(
  groups: Map<string, Parser>,
  path: readonly string[],
  environment: Environment,
): Parser {
  const name = path.join(' ')
  const known = groups.get(name)
  if (known !== undefined) return known
  const parent = groupOf(groups, path.slice(0, -1), environment)
  const group = configure(new Parser(path.at(-1)), environment).description(GROUPS[name] ?? '')
  parent.addCommand(group)
  groups.set(name, group)
  return group
}

function add(groups: Map<string, Parser>, entry: CommandEntry, environment: Environment): void {
  const words = entry.path.split(' ')
  const parent = groupOf(groups, words.slice(0, -1), environment)
  const verb = configure(new Parser(words.at(-1)), environment).description(entry.summary)
  for (const arg of entry.args ?? []) verb.argument(arg)
  for (const [flags, meaning] of entry.options ?? []) verb.option(flags, meaning)
  for (const [flags, meaning] of commonOptions(entry)) {
    verb.addOption(new Option(flags, meaning).conflicts(flags === '--csv' ? 'json' : []))
  }
  verb.action(async () => {
    const input: Input = { args: verb.args, options: verb.opts() }
    const { run } = await entry.load()
    await run(contextFor(environment, input), input)
  })
  parent.addCommand(verb)
}

function contextFor(environment: Environment, { options }: Input): Context {
  const format = options['json'] === true ? 'json' : options['csv'] === true ? 'csv' : 'text'
  const timeoutMs = 1000 * timeoutSeconds(options['timeout'])
  const node = typeof options['node'] === 'string' ? options['node'] : undefined
  // What only some commands need is loaded when they ask for it; a start must stay cheap.
  const client: Context['client'] = async () => {
    const [{ findEndpoint }, { openClient }] = await Promise.all([
      import('./endpoint.ts'),
      import('./client.ts'),
    ])
    const url = findEndpoint(environment, node)
    return openClient({ url, timeoutMs, signal: environment.signal })
  }
  return { ...environment, format, client }
}

function timeoutSeconds(given: Input['options'][string]): number {
  if (given === undefined) return TIMEOUT_S_DEFAULT
  const seconds = Number(given)
  if (seconds > 0 && seconds <= TIMEOUT_S_MAX) return seconds
  return fail(EXIT.usage, 'usage', { timeout: String(given), mostSeconds: TIMEOUT_S_MAX })
}

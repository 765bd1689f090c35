/**
 * The options of a command of the tests (simulator, benchmarks, chaos): read strictly, with `--help` and examples; what is
 * wrong with them is said in one line, and the exit code is 2.
 */
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';

/** What each is for stands beside it, for `--help`; and whether its value is a number, which is checked. */
type Described<Options extends ParseArgsOptionsConfig> = {
  readonly [Name in keyof Options]: Options[Name] & { readonly describe: string; readonly number?: 'whole' | 'any' };
};

export interface Usage {
  /** Without `--`: `npm run simulate`. */
  readonly command: string;
  /** One sentence: what the command does. */
  readonly purpose: string;
  /** What stands after the command, and what it is for. */
  readonly examples: readonly (readonly [string, string])[];
}

export function readOptions<const Options extends ParseArgsOptionsConfig>(
  usage: Usage,
  options: Described<Options>,
): ReturnType<typeof parseArgs<{ options: Options }>>['values'] {
  return readArguments(usage, options, false).values;
}

/** With what stands there beside the options. */
export function readArguments<const Options extends ParseArgsOptionsConfig>(
  usage: Usage,
  options: Described<Options>,
  allowPositionals = true,
): Pick<ReturnType<typeof parseArgs<{ options: Options; allowPositionals: true }>>, 'values' | 'positionals'> {
  if (process.argv.slice(2).some((each) => each === '--help' || each === '-h')) {
    process.stdout.write(helpOf(usage, options));
    process.exit(0);
  }
  try {
    const { values, positionals } = parseArgs<{ options: Options; allowPositionals: boolean }>({
      options,
      allowPositionals,
    });
    checkNumbers(values, options);
    return { values, positionals };
  } catch (error) {
    return refuse(usage, error instanceof Error ? error.message : String(error));
  }
}

/** Ends the process: the options make no sense, for a reason that one line says. */
export function refuse({ command }: Usage, reason: string): never {
  const [sentence = reason] = reason.split('. ');
  process.stderr.write(
    `${sentence.replaceAll('\n', ' ').replace(/\.$/, '')}; \`${command} -- --help\` says what there is\n`,
  );
  process.exit(2);
}

function checkNumbers(values: Readonly<Record<string, unknown>>, options: Described<ParseArgsOptionsConfig>): void {
  for (const [name, { number }] of Object.entries(options)) {
    const given = values[name];
    if (number === undefined || typeof given !== 'string') continue;
    const value = given.trim() === '' ? Number.NaN : Number(given);
    const fits = number === 'whole' ? Number.isSafeInteger(value) : Number.isFinite(value);
    if (!fits || value < 0)
      throw new RangeError(`--${name} takes a ${number === 'whole' ? 'whole ' : ''}number, not ${given}`);
  }
}

function helpOf({ command, purpose, examples }: Usage, options: Described<ParseArgsOptionsConfig>): string {
  const rows = Object.entries(options).map(([name, { type, default: otherwise, describe }]) => {
    const given = type === 'boolean' ? '' : ' VALUE';
    return [`--${name}${given}`, `${describe}${typeof otherwise === 'string' ? ` (${otherwise})` : ''}`] as const;
  });
  const shown = examples.map(([rest, what]) => [rest === '' ? command : `${command} -- ${rest}`, what] as const);
  const sections = [`${command} -- [OPTION ...]`, purpose, tableOf(rows), `Examples:\n${tableOf(shown)}`];
  return `${sections.join('\n\n')}\n`;
}

function tableOf(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([first]) => first.length));
  return rows.map(([first, second]) => `  ${first.padEnd(width)}  ${second}`.trimEnd()).join('\n');
}

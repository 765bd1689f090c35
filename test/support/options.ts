/** The options of a command of the tests (benchmarks, chaos): read strictly, with `--help`, and exit code 2 where they are wrong. */
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';

/** What each is for stands beside it, for `--help`. */
type Described<Options extends ParseArgsOptionsConfig> = {
  readonly [Name in keyof Options]: Options[Name] & { readonly describe: string };
};

export function readOptions<const Options extends ParseArgsOptionsConfig>(
  usage: string,
  options: Described<Options>,
): ReturnType<typeof parseArgs<{ options: Options }>>['values'] {
  if (process.argv.slice(2).some((each) => each === '--help' || each === '-h')) {
    process.stdout.write(helpOf(usage, options));
    process.exit(0);
  }
  try {
    return parseArgs<{ options: Options }>({ options }).values;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${helpOf(usage, options)}`);
    process.exit(2);
  }
}

function helpOf(usage: string, options: Described<ParseArgsOptionsConfig>): string {
  const rows = Object.entries(options).map(([name, { type, default: otherwise, describe }]) => {
    const given = type === 'boolean' ? '' : ' VALUE';
    return [`  --${name}${given}`, `${describe}${typeof otherwise === 'string' ? ` (${otherwise})` : ''}`] as const;
  });
  const width = Math.max(...rows.map(([name]) => name.length));
  return `${usage}\n\n${rows.map(([name, text]) => `${name.padEnd(width)}  ${text}`).join('\n')}\n`;
}

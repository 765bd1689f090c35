/** Whether what a command prints with `--json` is what docs/json.md says: looked at wherever a test runs one. */
import { commands } from '../../console/commands/index.js';
import { type JsonOutput, jsonOutputs } from '../../console/commands/json-output.js';

/** Which command the words are: the longest that begins them. */
function outputOf(args: readonly string[]): JsonOutput | undefined {
  const words = args.filter((each) => !each.startsWith('-'));
  const found = commands
    .map(({ path }) => path)
    .filter((path) => path.every((word, place) => words[place] === word))
    .toSorted((a, b) => b.length - a.length)[0];
  return found === undefined ? undefined : jsonOutputs[found.join(' ')];
}

/** @throws where it is something else */
export function checkJsonShape(args: readonly string[], stdout: string): void {
  const output = outputOf(args);
  if (output === undefined || stdout.trim() === '') return;
  const flag = Object.keys(output.withFlag ?? {}).find((each) => args.includes(`--${each}`));
  const schema = (flag === undefined ? undefined : output.withFlag?.[flag]) ?? output.schema;
  const isLines = output.lines === true || args.includes('--watch');
  const documents = isLines && flag === undefined ? stdout.trim().split('\n') : [stdout];
  for (const each of documents) {
    let value: unknown;
    try {
      value = JSON.parse(each);
    } catch {
      // Several, or cut by a test that ended it.
      return;
    }
    const parsed = schema.safeParse(value);
    if (!parsed.success) throw new Error(`quorate ${args.join(' ')} printed something else: ${parsed.error.message}`);
  }
}

/**
 * An operator's own keys: a YAML file that gives actions of the table other keys. Everything in it is checked before the
 * screen comes up: a key that would be dead, or mean two things, is refused with the place where it stands.
 */
import { z } from 'zod';
import { QuorateError } from '../messaging/errors.js';
import { type Binding, bindings, contexts, type Keymap, keymapOf } from './keys.js';
import { didYouMean } from './output/suggest.js';
import { graphemes } from './state/text.js';

/** `list: { down: [n, down] }`: by context and action, the keys in the place of those in the table. */
const fileSchema = z
  .record(
    z.string(),
    z.record(z.string(), z.union([z.string(), z.number(), z.array(z.union([z.string(), z.number()]))])),
  )
  .nullable();

const named = [
  ...['up', 'down', 'left', 'right', 'pageup', 'pagedown', 'home', 'end', 'enter', 'esc', 'tab', 'shift-tab'],
  ...['backspace', 'delete', 'space'],
];

/**
 * The table of keys with what `given` (the YAML of `path`, read) puts into its place.
 * @throws QuorateError `invalid-config` naming context, action or key that is not right.
 */
export function remapped(given: unknown, path: string): Keymap {
  const parsed = fileSchema.safeParse(given ?? null);
  if (!parsed.success) throw invalid(path, 'must hold contexts, with actions and their keys in each', example);
  let changed: readonly Binding[] = bindings;
  for (const [context, actions] of Object.entries(parsed.data ?? {})) {
    if (!(contexts as readonly string[]).includes(context))
      throw invalid(path, `there is no context "${context}"`, didYouMean(context, contexts) ?? contextsText);
    for (const [action, keys] of Object.entries(actions)) changed = withKeys(changed, context, action, keys, path);
  }
  refuseAmbiguous(changed, path);
  return keymapOf(changed);
}

function withKeys(
  all: readonly Binding[],
  context: string,
  action: string,
  given: string | number | readonly (string | number)[],
  path: string,
): readonly Binding[] {
  const here = all.filter((binding) => binding.context === context).map((binding) => binding.action);
  if (!(here as readonly string[]).includes(action)) {
    const remedy = didYouMean(action, here) ?? `In ${context} there are ${here.join(', ')}.`;
    throw invalid(path, `in ${context} there is no action "${action}"`, remedy);
  }
  const keys = (Array.isArray(given) ? given : [given]).map(String);
  for (const key of keys) {
    if (!isKey(key)) throw invalid(path, `${context}.${action}: "${key}" is not a key`, keysText);
  }
  if (keys.length === 0)
    throw invalid(path, `${context}.${action} has no key`, 'Give it at least one, or leave it out.');
  return all.map((binding) =>
    binding.context === context && binding.action === action ? { ...binding, keys } : binding,
  );
}

function isKey(key: string): boolean {
  return named.includes(key) || /^ctrl-[a-z]$/u.test(key) || (graphemes(key).length === 1 && !/^[\p{Cc}\s]/u.test(key));
}

function refuseAmbiguous(all: readonly Binding[], path: string): void {
  for (const context of contexts) {
    const owners = new Map<string, string>();
    for (const { keys, action } of all.filter((binding) => binding.context === context)) {
      for (const key of keys) {
        const other = owners.get(key);
        if (other !== undefined)
          throw invalid(
            path,
            `in ${context}, "${key}" means both ${other} and ${action}`,
            'Give one of them another key.',
          );
        owners.set(key, action);
      }
    }
  }
}

const example = 'Write it as `everywhere: { quit: ctrl-q }`; docs/console.md lists contexts and actions.';
const contextsText = `There are ${contexts.join(', ')}.`;
const keysText = `A key is one character, ctrl- and a letter, or one of ${named.join(', ')}.`;

function invalid(path: string, problem: string, remedy: string): QuorateError {
  return new QuorateError('invalid-config', `${path}: ${problem}`, { remedy });
}

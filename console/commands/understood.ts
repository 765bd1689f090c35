/** What cannot be taken back is named twice where nobody is there to type it: `--yes --i-understand NAME`. */
import { QuorateError } from '../../messaging/errors.js';
import { isDangerous, type WorkflowParameters } from '../../messaging/schemas/operations.js';
import { setting } from '../config/common.js';
import { anyText, type SettingTable } from '../config/setting.js';

export const understoodSettings = {
  understood: setting({
    flag: 'i-understand',
    placeholder: 'NAME',
    group: 'Options',
    describe: 'The name that would have to be typed; needed with --yes where the operation cannot be taken back',
    schema: anyText.optional(),
  }),
} as const satisfies SettingTable;

export interface Understood {
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly understood?: string | undefined;
}

/** What a script gives in the place of typing `word`. */
export function inScriptOf({ workflow }: WorkflowParameters, word = 'NAME'): string {
  return isDangerous(workflow) ? `--yes --i-understand ${word}` : '--yes';
}

/** `word`: what would have to be typed; undefined: not known yet. @throws QuorateError `not-confirmed` */
export function refuseUnconfirmed(given: Understood, parameters: WorkflowParameters, word?: string): void {
  if (given.dryRun) return;
  const inScript = `--yes --i-understand ${word ?? 'NAME'}`;
  if (word !== undefined && given.understood !== undefined && given.understood !== word)
    throw new QuorateError('not-confirmed', `it is about ${word}, not ${given.understood}; nothing was changed`, {
      remedy: `To go on with ${word}, give ${inScript}.`,
    });
  if (given.yes && given.understood === undefined && isDangerous(parameters.workflow))
    throw new QuorateError(
      'not-confirmed',
      `--yes alone does not begin what cannot be taken back: ${parameters.workflow}`,
      {
        remedy: `Give ${inScript}; --dry-run says which name.`,
      },
    );
}

/**
 * Prints scenes as a terminal would show them: `FORCE_COLOR=3 node dist/test/console/look.js SCENE [COLUMNSxROWS] [THEME]`,
 * where FORCE_COLOR is 1 for 16 colours, 2 for 256, 3 for all.
 */
import { renderToString } from 'ink';
import { Screens } from '../../console/screens/index.js';
import { type ColorDepth, colorDepths, type ThemeName, themeNames } from '../../console/theme.js';
import { scenes } from './scenes.js';

process.env.TZ = 'UTC';
const [wanted = 'overview-healthy', given = '80x24', looks = 'none'] = process.argv.slice(2);
const theme: ThemeName = themeNames.find((name) => name === looks) ?? 'none';
const colorDepth: ColorDepth = colorDepths[colorDepths.length - 1 - Number(process.env.FORCE_COLOR ?? 0)] ?? 'none';
const [columns = 80, rows = 24] = given.split('x').map(Number);
for (const [name, make] of Object.entries(scenes)) {
  if (wanted !== 'all' && name !== wanted) continue;
  const state = {
    ...make({ columns, rows }),
    theme,
    colorDepth,
  };
  process.stdout.write(
    `${wanted === 'all' ? `=== ${name}\n` : ''}${renderToString(<Screens state={state} />, { columns })}\n`,
  );
}

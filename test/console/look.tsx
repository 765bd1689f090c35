/** Prints scenes as a terminal would show them: `node dist/test/console/look.js SCENE [COLUMNSxROWS]`. */
import { renderToString } from 'ink';
import { Screens } from '../../console/screens/index.js';
import { scenes } from './scenes.js';

process.env.TZ = 'UTC';
const [wanted = 'overview-healthy', given = '80x24'] = process.argv.slice(2);
const [columns = 80, rows = 24] = given.split('x').map(Number);
for (const [name, make] of Object.entries(scenes)) {
  if (wanted !== 'all' && name !== wanted) continue;
  const state = {
    ...make({ columns, rows }),
    theme: process.env.FORCE_COLOR === undefined ? ('none' as const) : ('dark' as const),
  };
  process.stdout.write(
    `${wanted === 'all' ? `=== ${name}\n` : ''}${renderToString(<Screens state={state} />, { columns })}\n`,
  );
}

/** What a terminal can show, and what it is told to show. */
import test from 'ava';
import { nearestIndexed } from '../../console/indexed-colors.js';
import { colorDepths, type Looks, themeFor, themeNames, themeOfTerminal } from '../../console/theme.js';

const all = themeNames.flatMap((name) => colorDepths.map((depth) => ({ name, depth, theme: themeFor(name, depth) })));

function colorsOf(looks: readonly Looks[]): readonly string[] {
  return looks
    .flatMap(({ color, backgroundColor }) => [color ?? '', backgroundColor ?? ''])
    .filter((each) => each !== '');
}

test('a colour goes to the nearest of the table of 256', (t) => {
  t.is(nearestIndexed('#000000'), 16);
  t.is(nearestIndexed('#ffffff'), 231);
  t.is(nearestIndexed('#5fafff'), 75);
  t.is(nearestIndexed('#8a8a8a'), 245);
  t.is(nearestIndexed('#b3001b'), 124);
});

test('the theme is for the ground that the terminal says it has', (t) => {
  for (const said of ['0;15', '0;7', '0;default;15']) t.is(themeOfTerminal(said), 'light', said);
  for (const said of ['15;0', '7;8', '15;default', '', undefined]) t.is(themeOfTerminal(said), 'dark', said);
});

test('each depth is told only what it can show', (t) => {
  const form = { all: /^#[0-9a-f]{6}$/u, '256': /^ansi256\(\d+\)$/u, '16': /^[a-z]+(?:Bright)?$/u, none: /^$/u };
  for (const { name, depth, theme } of all) {
    for (const color of colorsOf(Object.values(theme)))
      t.regex(color, name === 'none' ? form.none : form[depth], `${name} at ${depth}`);
  }
});

test('what is chosen stands out in every theme, and what is wrong looks other than what is well', (t) => {
  for (const { name, depth, theme } of all) {
    const where = `${name} at ${depth}`;
    t.true(theme.selected.inverse === true || theme.selected.backgroundColor !== undefined, where);
    for (const tone of ['ok', 'warn', 'bad'] as const) {
      const badge = theme[`badge-${tone}`];
      t.true(badge.inverse === true || badge.backgroundColor !== badge.color, where);
    }
    t.notDeepEqual(theme.ok, theme.bad, where);
    if (depth !== 'none' && name !== 'none')
      t.is(new Set([theme.ok, theme.warn, theme.bad].map((looks) => looks.color)).size, 3, where);
  }
});

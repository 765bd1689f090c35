/**
 * The screens: each a function of the state, and nothing else. They draw only what controllers said; whatever is older
 * than two seconds says how old it is.
 */
import { Text } from 'ink';
import { Frame } from '../components/frame.js';
import { ThemeProvider } from '../components/theme-context.js';
import { judgeHealth } from '../state/health.js';
import { isTooSmall } from '../state/layout.js';
import { columnsMin, rowsMin } from '../state/limits.js';
import { placeOf, type State } from '../state/state.js';
import { cut, wrap } from '../state/text.js';
import { glyphs, themeFor } from '../theme.js';
import { Change } from './change.js';
import { Attention, EntityScreen, EventScreen, Router } from './details.js';
import { Backups, Events, Members, Model, Operations, Routers } from './lists.js';
import { Member } from './member.js';
import { Metrics } from './metrics.js';
import { Help, Menu, Palette } from './overlays.js';
import { Overview } from './overview.js';
import { OperationScreen, Preparing, Workflow } from './workflow.js';

export function Screens({ state }: { readonly state: State }) {
  if (isTooSmall(state.size)) {
    return <TooSmall state={state} />;
  }
  return (
    <ThemeProvider value={themeFor(state.theme, state.colorDepth)}>
      <Frame state={state}>
        <Body state={state} />
      </Frame>
    </ThemeProvider>
  );
}

/** Even where there is no room for a screen, there is for how the cluster is. */
function TooSmall({ state }: { readonly state: State }) {
  const { columns, rows } = state.size;
  const needed = `Quorate needs a terminal of ${columnsMin}x${rowsMin}; this one is ${columns}x${rows}. q quits.`;
  const { level, sentence } = judgeHealth(state);
  const lines = [needed, `${glyphs[level]} ${sentence}`].flatMap((text) => wrap(text, columns)).slice(0, rows);
  return <Text wrap="truncate">{lines.map((line) => cut(line, columns)).join('\n')}</Text>;
}

function Body({ state }: { readonly state: State }) {
  const { overlay } = state.view;
  switch (overlay?.kind) {
    case undefined:
      return <Screen state={state} />;
    case 'help':
      return <Help state={state} overlay={overlay} />;
    case 'palette':
      return <Palette state={state} overlay={overlay} />;
    case 'menu':
      return <Menu state={state} overlay={overlay} />;
    case 'workflow':
      return <Workflow state={state} dialog={overlay} />;
    case 'preparing':
      return <Preparing state={state} dialog={overlay} />;
    case 'change':
      return <Change state={state} dialog={overlay} />;
  }
}

function Screen({ state }: { readonly state: State }) {
  const place = placeOf(state);
  switch (place.screen) {
    case 'overview':
      return <Overview state={state} />;
    case 'members':
      return <Members state={state} />;
    case 'member':
      return <Member state={state} node={place.node} />;
    case 'routers':
      return <Routers state={state} />;
    case 'router':
      return <Router state={state} router={place.router} />;
    case 'model':
      return <Model state={state} />;
    case 'entity':
      return <EntityScreen state={state} kind={place.kind} id={place.id} />;
    case 'events':
      return <Events state={state} />;
    case 'event':
      return <EventScreen state={state} row={place.row} />;
    case 'operations':
      return <Operations state={state} />;
    case 'operation':
      return <OperationScreen state={state} id={place.id} />;
    case 'attention':
      return <Attention state={state} />;
    case 'metrics':
      return <Metrics state={state} />;
    case 'backups':
      return <Backups state={state} />;
  }
}

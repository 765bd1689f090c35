/** What `y` copies: the whole of what the cursor is on, as the controllers said it. */

import { plural } from './format.js';
import { judgeHealth } from './health.js';
import { selectedRow } from './lists.js';
import { markedValues } from './marks.js';
import { leaderOf } from './members.js';
import { listOf } from './navigation.js';
import { placeOf, type State } from './state.js';

export interface Copied {
  readonly what: string;
  readonly text: string;
}

export function copyTextOf(state: State): Copied | null {
  const list = listOf(state);
  if (list === null) return ofPlace(state);
  const marked = markedValues(state, list);
  return marked.length === 0 ? ofRow(state, list) : json(plural(marked.length, 'marked row'), marked);
}

function json(what: string, value: unknown): Copied | null {
  return value === null || value === undefined ? null : { what, text: JSON.stringify(value, null, 2) };
}

function ofRow(state: State, list: NonNullable<ReturnType<typeof listOf>>): Copied | null {
  switch (list) {
    case 'backups': {
      const row = selectedRow(state, list);
      return json(`the backups of ${row?.id ?? ''}`, row?.record?.status.backup);
    }
    case 'snapshots': {
      const row = selectedRow(state, list);
      return json(`the snapshot ${row?.id ?? ''}`, row);
    }
    case 'overview.members':
    case 'members': {
      const row = selectedRow(state, list);
      return json(`the status of ${row?.id ?? ''}`, row?.record?.status);
    }
    case 'overview.routers':
    case 'routers': {
      const row = selectedRow(state, list);
      return json(`router ${row?.id ?? ''}`, row);
    }
    case 'overview.events':
    case 'events':
      return json('the event', selectedRow(state, list)?.event);
    case 'model': {
      const row = selectedRow(state, list);
      return json(`${row?.kind ?? ''} ${row?.name ?? ''}`, row);
    }
    case 'operations':
      return json('the operation', selectedRow(state, list));
  }
}

function ofPlace(state: State): Copied | null {
  const place = placeOf(state);
  switch (place.screen) {
    case 'member':
      return json(`the status of ${place.node}`, state.nodes.get(place.node)?.status);
    case 'router':
      return json(
        `router ${place.router}`,
        state.routers.views.find((view) => view.id === place.router),
      );
    case 'entity':
      return json(`${place.kind} ${place.id}`, state.model.entity?.entity);
    case 'event':
      return json('the event', place.row.event);
    case 'operation':
      return json('the operation', state.operations.byId.get(place.id)?.operation);
    case 'attention': {
      const { sentence, reasons } = judgeHealth(state);
      return {
        what: 'what needs attention',
        text: [sentence, ...reasons.map((reason) => `${reason.sentence} ${reason.remedy}`)].join('\n'),
      };
    }
    case 'metrics': {
      const node = state.view.metricsOf ?? leaderOf(state)?.record.status.node ?? '';
      return json(`the metrics of ${node}`, state.nodes.get(node)?.measured.series);
    }
    case 'overview':
    case 'members':
    case 'routers':
    case 'model':
    case 'events':
    case 'operations':
    case 'backups':
      return null;
  }
}

/**
 * All that the console knows and shows, as one immutable value. It changes only in `reduce`; screens are functions of it.
 */
import type {
  ApiResult,
  Entity,
  NodeStatus,
  OperationPlan,
  OperationView,
  ParametersView,
  Position,
  QuorateEvent,
  RouterView,
  SnapshotView,
  WireError,
  WorkflowParameters,
} from '../../messaging/index.js';
import { defaultKeymap, type Keymap } from '../keys.js';
import type { ColorDepth, Level, ThemeName } from '../theme.js';
import type { EntityDocument } from './entity-document.js';
import type { Measured } from './metrics.js';
import type { Series } from './series.js';
import type { TextInput } from './text-input.js';

/** What a controller last said, and when this console heard it. Ages are by the console's clock alone. */
export interface NodeRecord {
  readonly status: NodeStatus;
  readonly heardAt: number;
  /** Since when it has the role and term that it has now, as far as this console knows. */
  readonly roleSince: {
    readonly role: NonNullable<NodeStatus['raft']>['role'] | null;
    readonly term: number;
    readonly at: number;
  };
  /** What was measured of it, and from where its next rates are measured. */
  readonly measured: Measured;
}

export interface RouterData {
  readonly views: readonly RouterView[];
  /** When the list that is shown was complete; null: never yet. */
  readonly readAt: number | null;
  /** Pages of the reading that is under way. */
  readonly reading: readonly RouterView[] | null;
  readonly notBefore: number;
  readonly error: WireError | null;
}

export interface EventRow {
  /** By which duplicates are known: the position where there is one, else the event's id. */
  readonly key: string;
  readonly event: QuorateEvent;
  readonly at: number;
  readonly level: Level;
  readonly type: string;
  readonly source: string;
  readonly sentence: string;
  /** Lower case; what the filter looks into. */
  readonly search: string;
}

export interface EventData {
  /** Newest first, bounded. */
  readonly rows: readonly EventRow[];
  readonly heard: number;
  readonly duplicates: number;
  /** What is shown while paused. */
  readonly paused: readonly EventRow[] | null;
  readonly perSecond: Series;
  readonly counting: { readonly second: number; readonly count: number };
}

export interface OperationData {
  readonly byId: ReadonlyMap<string, { readonly operation: OperationView; readonly heardAt: number }>;
  readonly readAt: number | null;
  readonly reading: boolean;
  readonly notBefore: number;
  readonly error: WireError | null;
}

export interface ModelData {
  readonly kind: string;
  /** The part of the filter that the controllers apply. */
  readonly filter: string;
  readonly entities: readonly Entity[];
  readonly position: Position | null;
  readonly readAt: number | null;
  /** Pages of the reading that is under way; its number tells late answers apart. */
  readonly reading: { readonly number: number; readonly pages: readonly Entity[] } | null;
  /** More entities than the console holds. */
  readonly more: boolean;
  readonly notBefore: number;
  readonly error: WireError | null;
  /** The one that is shown in detail. */
  readonly entity: { readonly entity: Entity; readonly position: Position; readonly readAt: number } | null;
  readonly entityReading: boolean;
  readonly entityNotBefore: number;
  readonly entityError: WireError | null;
}

export interface SnapshotData {
  readonly byNode: ReadonlyMap<string, { readonly views: readonly SnapshotView[]; readonly error: WireError | null }>;
  /** When every controller that was asked had answered; null: never yet. */
  readonly readAt: number | null;
  /** How many have still to answer. */
  readonly waiting: number;
  readonly notBefore: number;
}

export const listNames = [
  'overview.members',
  'overview.routers',
  'overview.events',
  'members',
  'routers',
  'model',
  'events',
  'operations',
  'backups',
  'snapshots',
] as const;
export type ListName = (typeof listNames)[number];

/** Where the operator is in a list. The cursor follows a row by its id, not by its place. */
export interface ListView {
  readonly index: number;
  /** Null: the first row, whichever that is. */
  readonly id: string | null;
  readonly top: number;
  readonly filter: string;
  /** Ids of the rows that are marked. */
  readonly marks: readonly string[];
  readonly sort: { readonly column: string; readonly descending: boolean } | null;
}

export type Place =
  | { readonly screen: 'overview' }
  | { readonly screen: 'members' }
  | { readonly screen: 'member'; readonly node: string }
  | { readonly screen: 'routers' }
  | { readonly screen: 'router'; readonly router: string }
  | { readonly screen: 'model' }
  | { readonly screen: 'entity'; readonly kind: string; readonly id: string }
  | { readonly screen: 'events' }
  | { readonly screen: 'event'; readonly key: string; readonly row: EventRow }
  | { readonly screen: 'operations' }
  | { readonly screen: 'operation'; readonly id: string }
  | { readonly screen: 'attention' }
  | { readonly screen: 'metrics' }
  | { readonly screen: 'backups' };
export type ScreenName = Place['screen'];

/** What a dialog is to bring about: a new operation, or that one that was started goes on, or is taken back. */
export type WorkflowAim =
  | { readonly type: 'start'; readonly parameters: WorkflowParameters }
  | { readonly type: 'resume'; readonly operation: string }
  | { readonly type: 'cancel'; readonly operation: string };

/** How an operation that failed would go on. */
export type ResumeHow = ApiResult<'operation.plan-resume'>['how'];

export type WorkflowPhase =
  | { readonly step: 'planning'; readonly since: number }
  | { readonly step: 'planned'; readonly plan: OperationPlan; readonly at: number; readonly how: ResumeHow | null }
  /** It is to be cancelled: the word for that is waited for. */
  | { readonly step: 'asking' }
  | {
      readonly step: 'starting';
      readonly plan: OperationPlan | null;
      readonly since: number;
      readonly requestId: string;
    }
  /** `requestId` is there where the start may or may not have been carried out: asked again with it, it is done once. */
  | {
      readonly step: 'refused';
      readonly during: 'plan' | 'start';
      readonly error: WireError;
      readonly retry: { readonly plan: OperationPlan | null; readonly requestId: string } | null;
    }
  | {
      readonly step: 'watching';
      readonly operation: string;
      readonly askedAt: number;
      readonly error: WireError | null;
    };

export type Overlay =
  | ChangeOverlay
  | PreparingOverlay
  | { readonly kind: 'help'; readonly top: number }
  | { readonly kind: 'palette'; readonly input: TextInput; readonly index: number; readonly recall: number }
  | { readonly kind: 'menu'; readonly title: string; readonly commands: readonly string[]; readonly index: number }
  | {
      readonly kind: 'workflow';
      /** Tells the answers for this dialog from those for one that was closed. */
      readonly number: number;
      readonly aim: WorkflowAim;
      readonly parameters: ParametersView;
      readonly input: TextInput;
      readonly top: number;
      readonly phase: WorkflowPhase;
    };
/** A snapshot on its way to the leader, before the checks of a restore. */
export interface PreparingOverlay {
  readonly kind: 'preparing';
  readonly number: number;
  readonly node: string;
  readonly name: string;
  readonly since: number;
  /** Null while the controller that has it reads it. */
  readonly file: { readonly sha256: string; readonly sizeBytes: number } | null;
  readonly progress: string;
  readonly asking: boolean;
  readonly notBefore: number;
  readonly error: WireError | null;
}

/** A change of one entity, from the editor to what the leader answered. */
export interface ChangeOverlay {
  readonly kind: 'change';
  /** Tells the answers for this dialog from those for one that was closed. */
  readonly number: number;
  readonly aim: 'create' | 'update' | 'delete';
  readonly entityKind: string;
  /** What is changed, as it was read; null while one is created. */
  readonly base: Entity | null;
  /** What the operator wrote last: kept through every refusal. */
  readonly text: string;
  readonly document: EntityDocument | null;
  readonly input: TextInput;
  readonly top: number;
  readonly phase: ChangePhase;
}

export type ChangePhase =
  /** The editor has the terminal. */
  | { readonly step: 'editing' }
  | { readonly step: 'invalid'; readonly error: WireError }
  /** It waits for the name to be typed. */
  | { readonly step: 'shown' }
  /** Somebody else changed the entity: it is read again. */
  | { readonly step: 'reading' }
  | { readonly step: 'writing'; readonly since: number; readonly requestId: string }
  /** `requestId` is there where it may or may not have been written: asked again with it, it is written once. */
  | { readonly step: 'refused'; readonly error: WireError; readonly requestId: string | null };

export type WorkflowOverlay = Extract<Overlay, { kind: 'workflow' }>;

export interface View {
  /** Where the operator is, and by which way: the last is shown. */
  readonly places: readonly [Place, ...Place[]];
  /** The way to the screen before, for `-`. */
  readonly last: readonly [Place, ...Place[]] | null;
  readonly lists: Readonly<Record<ListName, ListView>>;
  /** First line shown of a screen that scrolls as text. */
  readonly scroll: number;
  readonly overlay: Overlay | null;
  /** A filter being typed; what it was before comes back with esc. */
  readonly prompt: { readonly list: ListName; readonly input: TextInput; readonly before: string } | null;
  readonly flash: {
    readonly level: Level;
    readonly sentence: string;
    readonly remedy: string;
    readonly until: number;
  } | null;
  /** Whose metrics are shown; null: those of the leader. */
  readonly metricsOf: string | null;
  /** Over which of the windows the charts go. */
  readonly metricsWindow: number;
  /** The panel of the overview that the cursor is in. */
  readonly panel: 'members' | 'routers' | 'events';
  /** What was typed into the palette, newest last. */
  readonly history: readonly string[];
}

export interface State {
  readonly now: number;
  readonly startedAt: number;
  readonly cluster: string;
  readonly operator: string;
  readonly version: string;
  /** Makes request ids of this console unique; counted up with each. */
  readonly nonce: string;
  readonly count: number;
  /** Nothing can be changed while it is locked. */
  readonly locked: boolean;
  readonly theme: ThemeName;
  /** How many colours the terminal shows. */
  readonly colorDepth: ColorDepth;
  readonly keymap: Keymap;
  readonly size: { readonly columns: number; readonly rows: number };
  readonly connection: { readonly up: boolean; readonly since: number; readonly lastHeardAt: number | null };
  readonly nodes: ReadonlyMap<string, NodeRecord>;
  readonly routers: RouterData;
  readonly events: EventData;
  readonly operations: OperationData;
  readonly model: ModelData;
  readonly snapshots: SnapshotData;
  readonly view: View;
}

export interface StartingPoint {
  readonly now: number;
  readonly cluster: string;
  readonly operator: string;
  readonly version: string;
  readonly nonce: string;
  readonly locked: boolean;
  readonly theme: ThemeName;
  readonly colorDepth: ColorDepth;
  /** Default: the keys of the table. */
  readonly keymap?: Keymap;
  /** What was typed into the palette of earlier consoles, newest last. */
  readonly history?: readonly string[];
  readonly size: { readonly columns: number; readonly rows: number };
}

const untouchedList: ListView = { index: 0, id: null, top: 0, filter: '', marks: [], sort: null };

export function initialState({ history = [], keymap = defaultKeymap, ...given }: StartingPoint): State {
  return {
    ...given,
    keymap,
    startedAt: given.now,
    count: 0,
    connection: { up: true, since: given.now, lastHeardAt: null },
    nodes: new Map(),
    routers: { views: [], readAt: null, reading: null, notBefore: 0, error: null },
    events: {
      rows: [],
      heard: 0,
      duplicates: 0,
      paused: null,
      perSecond: [],
      counting: { second: Math.floor(given.now / 1_000), count: 0 },
    },
    operations: { byId: new Map(), readAt: null, reading: false, notBefore: 0, error: null },
    model: {
      kind: 'router',
      filter: '',
      entities: [],
      position: null,
      readAt: null,
      reading: null,
      more: false,
      notBefore: 0,
      error: null,
      entity: null,
      entityReading: false,
      entityNotBefore: 0,
      entityError: null,
    },
    snapshots: { byNode: new Map(), readAt: null, waiting: 0, notBefore: 0 },
    view: {
      places: [{ screen: 'overview' }],
      last: null,
      lists: {
        'overview.members': untouchedList,
        'overview.routers': untouchedList,
        'overview.events': untouchedList,
        members: untouchedList,
        routers: untouchedList,
        model: untouchedList,
        events: untouchedList,
        operations: untouchedList,
        backups: untouchedList,
        snapshots: untouchedList,
      },
      scroll: 0,
      overlay: null,
      prompt: null,
      flash: null,
      metricsOf: null,
      metricsWindow: 1,
      panel: 'members',
      history,
    },
  };
}

export function placeOf(state: State): Place {
  return state.view.places.at(-1) ?? state.view.places[0];
}

/** The same view with some of it changed. */
export function withView(state: State, change: Partial<View>): State {
  return { ...state, view: { ...state.view, ...change } };
}

/** What the console is told, and what it wants done: both are data. `reduce` turns the first into the second. */
import type {
  ApiParams,
  ApiResult,
  ApiVerb,
  NodeStatus,
  OperationView,
  QuorateEvent,
  WireError,
} from '../../messaging/index.js';

/** The requests that the console makes. `number` tells a late answer from the one that is waited for. */
export type Request =
  | { readonly verb: 'routers.list'; readonly params: ApiParams<'routers.list'> }
  | { readonly verb: 'operation.list'; readonly params: ApiParams<'operation.list'> }
  | { readonly verb: 'operation.get'; readonly params: ApiParams<'operation.get'> }
  | { readonly verb: 'operation.plan'; readonly params: ApiParams<'operation.plan'>; readonly number: number }
  | Changing<'operation.start'>
  | {
      readonly verb: 'operation.plan-resume';
      readonly params: ApiParams<'operation.plan-resume'>;
      readonly number: number;
    }
  | Changing<'operation.resume'>
  | Changing<'operation.cancel'>
  | { readonly verb: 'model.list'; readonly params: ApiParams<'model.list'>; readonly number: number }
  | { readonly verb: 'model.get'; readonly params: ApiParams<'model.get'> }
  | {
      readonly verb: 'snapshot.create';
      readonly params: ApiParams<'snapshot.create'>;
      readonly node: string;
      readonly requestId: string;
    }
  | { readonly verb: 'snapshot.list'; readonly params: ApiParams<'snapshot.list'>; readonly node: string }
  | {
      readonly verb: 'snapshot.verify';
      readonly params: ApiParams<'snapshot.verify'>;
      readonly node: string;
      readonly requestId: string;
    }
  | {
      readonly verb: 'restore.take';
      readonly params: ApiParams<'restore.take'>;
      readonly node: string;
      readonly number: number;
      readonly requestId: string;
    }
  | {
      readonly verb: 'restore.stage';
      readonly params: ApiParams<'restore.stage'>;
      readonly number: number;
      readonly requestId: string;
    }
  | Changing<'model.create'>
  | Changing<'model.update'>
  | Changing<'model.delete'>;

/** Done once, however often it is asked with this request id. */
interface Changing<Verb extends ApiVerb> {
  readonly verb: Verb;
  readonly params: ApiParams<Verb>;
  readonly number: number;
  readonly requestId: string;
}

export type RequestVerb = Request['verb'];

export type Outcome<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly error: WireError };

export type Answer = {
  readonly [Verb in RequestVerb]: {
    readonly type: 'answer';
    readonly verb: Verb;
    readonly request: Extract<Request, { verb: Verb }>;
    readonly outcome: Outcome<ApiResult<Verb>>;
  };
}[RequestVerb];

/** A key as the key table names it, with the text that it types, if any. */
export interface KeyPress {
  readonly name: string;
  readonly text: string;
}

export type Message =
  /** The only clock there is. Sent before whatever else a moment brings. */
  | { readonly type: 'tick'; readonly now: number }
  | { readonly type: 'resize'; readonly columns: number; readonly rows: number }
  | { readonly type: 'connection'; readonly up: boolean }
  | { readonly type: 'status'; readonly status: NodeStatus }
  /** In the order in which they were heard. */
  | { readonly type: 'events'; readonly events: readonly QuorateEvent[] }
  | { readonly type: 'operation'; readonly operation: OperationView }
  | Answer
  /** What the operator's editor left; `number` is that of the dialog. */
  | { readonly type: 'edited'; readonly number: number; readonly outcome: Outcome<string> }
  /** A file was written, and where; or not, and why. */
  | { readonly type: 'saved'; readonly outcome: Outcome<string> }
  | ({ readonly type: 'key' } & KeyPress)
  | { readonly type: 'paste'; readonly text: string };

export type Effect =
  | { readonly type: 'request'; readonly request: Request; readonly timeoutMs: number }
  /** Ask every controller for its status at once. */
  | { readonly type: 'collect' }
  /** Put text on the clipboard of the operator's terminal. */
  | { readonly type: 'copy'; readonly text: string }
  /** Have the operator change a text in an editor; answered by `edited`. */
  | { readonly type: 'edit'; readonly number: number; readonly fileName: string; readonly text: string }
  /** Write a new file into the folder that the console was started in; answered by `saved`. */
  | { readonly type: 'save'; readonly fileName: string; readonly text: string }
  /** Write the whole model, as it stands at one position, into a new file there; answered by `saved`. */
  | { readonly type: 'export'; readonly fileName: string }
  /** Keep what was typed into the palette for later consoles. */
  | { readonly type: 'remember'; readonly history: readonly string[] }
  | { readonly type: 'quit' };

/** What `reduce` gives back. */
export type Step<State> = readonly [State, readonly Effect[]];

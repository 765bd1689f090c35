/**
 * Controllers for tests of the router side: the real service on a real nats-server, over a model in memory instead of Raft.
 * The leader publishes changes as a controller does; a test may let it forget to.
 */
import { randomUUID } from 'node:crypto';
import {
  connectNats,
  type Endpoint,
  type EndpointList,
  type Entity,
  entityTypeOfKind,
  eventSchema,
  eventSubjectType,
  type ModelChange,
  type NatsConnection,
  parseJson,
  protocolVersion,
  type QuorateEvent,
  subjectsOf,
  supportedVersions,
  type VersionRange,
} from '../../../messaging/index.js';
import {
  createRouterService,
  makeEndpointList,
  type RouterService,
  type RouterServiceEvent,
} from '../../../node/server/routers/index.js';
import { type NatsServer, startNatsServer } from '../../support/nats.js';
import { ModelSource, Replica } from './source.js';

export interface FakeClusterOptions {
  readonly controllers?: readonly string[];
  readonly natsUrl?: string;
  readonly source?: ModelSource;
  readonly heartbeatMs?: number;
  readonly heartbeatsMissedMax?: number;
  readonly protocol?: VersionRange;
}

export const clusterName = 'test';
const subjects = subjectsOf(clusterName);

export class FakeController {
  isServing = true;
  /** As leader: whether it has applied what was committed before it led. */
  isCurrent = true;
  /** The list as this controller has it, where that is not what the others have. */
  endpoints: EndpointList | null = null;
  service: RouterService | null = null;

  constructor(
    readonly id: string,
    readonly connection: NatsConnection,
    readonly replica: Replica,
  ) {}

  async stop(): Promise<void> {
    this.service?.stop();
    await this.connection.close();
  }
}

export class FakeCluster {
  readonly controllers = new Map<string, FakeController>();
  /** Every event that was published, as any listener hears them. */
  readonly events: QuorateEvent[] = [];
  leader: string | null;
  /** What is broadcast and given at hello; a test may make it anything. */
  endpoints: EndpointList | null = null;
  /** While false the leader's changes are not published: as if NATS had lost them. */
  publishesChanges = true;
  replicasFollow = true;
  /** Position of the list of controllers. */
  membershipIndex = 1;

  private constructor(
    readonly url: string,
    readonly source: ModelSource,
    private readonly listener: NatsConnection,
    private readonly options: FakeClusterOptions,
    readonly nats: NatsServer | undefined,
  ) {
    this.leader = options.controllers?.[0] ?? 'n1';
    listener.subscribe(subjects.event('>'), {
      callback: (_error, message) => {
        const event = eventSchema.safeParse(parseJson(message));
        if (event.success) this.events.push(event.data);
      },
    });
  }

  static async start(options: FakeClusterOptions = {}): Promise<FakeCluster> {
    const nats = options.natsUrl === undefined ? await startNatsServer() : undefined;
    const url = options.natsUrl ?? nats?.url ?? '';
    const listener = await connectNats({ servers: [url], name: 'listener' });
    const cluster = new FakeCluster(url, options.source ?? new ModelSource(), listener, options, nats);
    for (const id of options.controllers ?? ['n1', 'n2', 'n3']) await cluster.add(id);
    cluster.setMembers([...cluster.controllers.keys()]);
    await cluster.flush();
    return cluster;
  }

  async add(id: string): Promise<FakeController> {
    const connection = await connectNats({ servers: [this.url], name: id });
    const controller = new FakeController(id, connection, new Replica(this.source));
    controller.replica.catchUp();
    controller.service = createRouterService({
      connection,
      subjects,
      nodeId: id,
      model: controller.replica,
      serves: () => controller.isServing,
      isLeader: () => this.leader === id,
      isCurrent: () => controller.isCurrent,
      endpoints: () => controller.endpoints ?? this.endpoints,
      publishEvent: (event) => this.#publish(connection, id, event),
      heartbeatMs: this.options.heartbeatMs ?? 200,
      // Generous: on a busy machine nobody shall be called offline by chance.
      heartbeatsMissedMax: this.options.heartbeatsMissedMax ?? 40,
      protocol: this.options.protocol,
      log: () => {},
    });
    this.controllers.set(id, controller);
    return controller;
  }

  controller(id: string): FakeController {
    const controller = this.controllers.get(id);
    if (controller === undefined) throw new Error(`no controller ${id}`);
    return controller;
  }

  async kill(id: string): Promise<void> {
    await this.controller(id).stop();
    this.controllers.delete(id);
    if (this.leader === id) this.leader = null;
  }

  elect(id: string): void {
    this.leader = id;
    for (const controller of this.controllers.values()) controller.service?.refresh();
  }

  async flush(): Promise<void> {
    await Promise.all([...this.controllers.values()].map((each) => each.connection.flush()));
    await this.listener.flush();
  }

  /** A committed change of membership. */
  setMembers(
    ids: readonly string[],
    address: (id: string) => readonly string[] = () => [this.url],
    protocol: (id: string) => VersionRange = () => this.options.protocol ?? supportedVersions,
  ): void {
    this.membershipIndex += 1;
    const members = ids.map(
      (id): Endpoint => ({ id, name: id, addresses: [...address(id)], role: 'voter', protocol: protocol(id) }),
    );
    const { timeline, indexType } = this.source.position;
    const position = { timeline, indexType, index: this.membershipIndex };
    this.endpoints = makeEndpointList({ cluster: clusterName, clusterId: 'cluster-id', position, members });
    for (const controller of this.controllers.values()) controller.service?.refresh();
  }

  put(kind: string, id: string, name?: string, spec?: Entity['spec']): ModelChange {
    return this.changed(this.source.put(kind, id, name, spec));
  }

  delete(kind: string, id: string): ModelChange {
    return this.changed(this.source.delete(kind, id));
  }

  /** The replicas take what the source has, and the leader publishes the change. */
  changed(change: ModelChange): ModelChange {
    this.follow();
    if (this.replicasFollow) for (const controller of this.controllers.values()) controller.service?.changed([change]);
    const leader = this.leader === null ? undefined : this.controllers.get(this.leader);
    if (this.publishesChanges && leader !== undefined) this.publishChange(change, leader.connection);
    return change;
  }

  follow(): void {
    if (this.replicasFollow) for (const controller of this.controllers.values()) controller.replica.catchUp();
  }

  publishChange(change: ModelChange, connection: NatsConnection = this.listener): void {
    const entityType = entityTypeOfKind[change.entity.kind] ?? change.entity.kind;
    const event: QuorateEvent = {
      ...stamp(this.leader ?? 'test'),
      namespace: 'entityChange',
      eventId: randomUUID(),
      eventType: change.type,
      entityType,
      initialState: change.type === 'deleted' ? change.entity : null,
      finalState: change.type === 'deleted' ? null : change.entity,
      position: change.position,
      previousIndex: change.previousIndex,
    };
    connection.publish(subjects.event(eventSubjectType(event)), JSON.stringify(event));
  }

  /** As it is, valid or not. */
  send(subject: string, body: unknown): void {
    this.listener.publish(subject, typeof body === 'string' ? body : JSON.stringify(body));
  }

  #publish(connection: NatsConnection, id: string, event: RouterServiceEvent): void {
    const stamped: QuorateEvent = { ...stamp(id), ...event };
    connection.publish(subjects.event(eventSubjectType(stamped)), JSON.stringify(stamped));
  }

  routerEvents(router: string): readonly string[] {
    return this.events.flatMap((event) =>
      event.namespace === 'router' && event.router_id === router ? [event.event_type] : [],
    );
  }

  alerts(code: string): readonly QuorateEvent[] {
    return this.events.filter((event) => event.namespace === 'alert' && event.details[0] === code);
  }

  async end(): Promise<void> {
    for (const id of [...this.controllers.keys()]) await this.kill(id);
    await this.listener.close();
    await this.nats?.kill();
  }
}

function stamp(id: string): { v: number; event_src_id: string; timestamp: string; event_id: string } {
  return { v: protocolVersion, event_src_id: id, timestamp: new Date().toISOString(), event_id: randomUUID() };
}

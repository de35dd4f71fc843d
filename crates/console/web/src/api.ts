// The JSON of /api/v1, as docs/console-api.md describes it, and how it is fetched.

export interface Counts {
  replicas: number;
  current: number;
  ready: number;
}

export interface Limits {
  min: number;
  max: number;
  idle?: number;
  useful?: number;
}

export interface ReadError {
  kind: string;
  message: string;
}

export interface MetricTarget {
  type: "AverageValue" | "Value";
  value: number;
}

export interface Trigger {
  index: number;
  name: string | null;
  kind: string;
  metric: string;
  target: MetricTarget;
  activation: number;
  active: boolean | null;
  value: number | null;
  parallelism: number | null;
  at: string | null;
  ageMs: number | null;
  error: ReadError | null;
  failures: number;
  members: number | null;
  groupState: string | null;
  partitions: number;
  notes: string[];
}

export interface Action {
  sequence: number;
  at: string;
  from: number | null;
  to: number;
  boundBy: string;
  result: string;
  headline: string;
}

export interface NextChange {
  at: string;
  what: string;
}

export type Health = "failing" | "paused" | "held" | "starting" | "ok";

export interface Target {
  id: string;
  namespace: string;
  name: string;
  kind: string;
  workload: string;
  mode: string;
  health: Health;
  active: boolean;
  limits: Limits;
  desired: number | null;
  counts: Counts | null;
  lag: number | null;
  producedPerSecond: number | null;
  consumedPerSecond: number | null;
  headline: string | null;
  sequence: number | null;
  boundBy: string | null;
  next: NextChange | null;
  lastAction: Action | null;
  formula: string | null;
  triggers: Trigger[];
}

export interface TargetPage {
  version: string;
  now: string;
  total: number;
  matching: number;
  targets: Target[];
  next: string | null;
  problems: string[];
}

export interface Series {
  id: string;
  label: string;
  panel: string;
  unit: string;
  values: (number | null)[];
  low?: (number | null)[];
  high?: (number | null)[];
}

export interface SeriesPage {
  target: string;
  from: string;
  to: string;
  stepMs: number;
  time: number[];
  series: Series[];
  actions: Action[];
}

export interface Step {
  rule: string;
  from: number;
  to: number;
  reason: string;
}

export interface ReadingRecord {
  trigger: string;
  kind: string;
  metric: string;
  value: number | null;
  target: MetricTarget;
  active: boolean;
  parallelism?: number;
  ageMs?: number;
  error?: ReadError;
  failures: number;
  fallback: boolean;
  wanted?: number;
}

export interface DecisionRecord {
  sequence: number;
  at: string;
  target: string;
  workload: Counts | null;
  readings: ReadingRecord[];
  active: boolean;
  steps: Step[];
  boundBy: string;
  desiredReplicas: number;
  limits: Limits;
  result: string;
  next?: NextChange;
  headline: string;
  explanation: string;
  action: boolean;
}

export interface RecordPage {
  target: string;
  records: DecisionRecord[];
  next: number | null;
}

export interface Sample {
  target: string;
  at: string;
  values: Record<string, number | null>;
}

async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await fetch(path, signal ? { signal } : {});
  const body: unknown = await response.json();
  if (!response.ok) {
    const told = body as { error?: string };
    throw new Error(told.error ?? `${path} answered ${response.status}`);
  }
  return body as T;
}

function pathOf(id: string): string {
  const slash = id.indexOf("/");
  const part = encodeURIComponent;
  return `/api/v1/targets/${part(id.slice(0, slash))}/${part(id.slice(slash + 1))}`;
}

export function fetchTargets(search: string): Promise<TargetPage> {
  return get(`/api/v1/targets?limit=200&q=${encodeURIComponent(search)}`);
}

export function fetchSeries(id: string, from: number, to: number, points: number, signal: AbortSignal): Promise<SeriesPage> {
  const range = `from=${Math.round(from)}&to=${Math.round(to)}&points=${points}`;
  return get(`${pathOf(id)}/series?${range}`, signal);
}

export function fetchRecords(id: string, kind: "all" | "actions", before?: number): Promise<RecordPage> {
  const earlier = before === undefined ? "" : `&before=${before}`;
  return get(`${pathOf(id)}/records?limit=50&kind=${kind}${earlier}`);
}

export function fetchRecord(id: string, sequence: number): Promise<DecisionRecord> {
  return get(`${pathOf(id)}/records/${sequence}`);
}

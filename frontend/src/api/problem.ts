import { common } from '@/texts/common';

/** One field that the server refused; `pointer` is a JSON pointer into what was sent. */
export interface FieldProblem {
  pointer: string;
  code: string;
  message: string;
}

interface Told {
  status: number;
  code: string;
  title: string;
  detail?: string | undefined;
  errors?: FieldProblem[] | undefined;
  requestId?: string | undefined;
  retryAfterS?: number | undefined;
  body?: Record<string, unknown> | undefined;
}

/**
 * Whatever kept a request from its answer: a problem document of a service (`PAY-0002`), an error of the identity provider
 * (`invalid_credentials`), or no answer at all (`network`, `timeout`; status 0).
 */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly status: number;
  readonly code: string;
  readonly detail: string | undefined;
  readonly errors: FieldProblem[];
  readonly requestId: string | undefined;
  readonly retryAfterS: number | undefined;
  /** Everything the answer held; some codes carry more, such as the open order. */
  readonly body: Record<string, unknown>;

  constructor(told: Told) {
    super(told.title);
    this.status = told.status;
    this.code = told.code;
    this.detail = told.detail;
    this.errors = told.errors ?? [];
    this.requestId = told.requestId;
    this.retryAfterS = told.retryAfterS;
    this.body = told.body ?? {};
  }

  /** Nobody answered: the connection, the gateway, or a service that is down. Trying again can help. */
  get passing(): boolean {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function fields(value: unknown): FieldProblem[] {
  if (!Array.isArray(value)) return [];
  return value.filter(isObject).map((field) => ({
    pointer: text(field.pointer) ?? '',
    code: text(field.code) ?? '',
    message: text(field.message) ?? '',
  }));
}

/** The problem that an answer tells of; its body is what openapi-fetch read, JSON or not. */
export function problemOf(response: Response, body: unknown): Problem {
  const members = isObject(body) ? body : {};
  const retryAfter = Number(response.headers.get('Retry-After'));
  return new Problem({
    status: response.status,
    code: text(members.error_code) ?? text(members.code) ?? `http_${response.status}`,
    title: text(members.title) ?? text(members.msg) ?? common.errors.unknown,
    detail: text(members.detail),
    errors: fields(members.errors),
    requestId: text(members.request_id) ?? response.headers.get('X-Request-Id') ?? undefined,
    retryAfterS: Number.isFinite(retryAfter) && retryAfter > 0 ? retryAfter : undefined,
    body: members,
  });
}

/** The problem of a request that got no answer. */
export function silence(error: unknown, requestId?: string): Problem {
  const timedOut = error instanceof DOMException && error.name === 'TimeoutError';
  return new Problem({
    status: 0,
    code: timedOut ? 'timeout' : 'network',
    title: timedOut ? common.errors.timeout : common.errors.network,
    requestId,
  });
}

/** What to tell a person about any error, in a sentence or two. Texts of a form override it by code. */
export function explain(error: unknown, byCode: Record<string, string> = {}): string {
  if (!(error instanceof Problem)) return common.errors.unknown;
  const own = byCode[error.code];
  if (own !== undefined) return own;
  if (error.code === 'timeout') return common.errors.timeout;
  if (error.status === 0) return common.errors.network;
  if (error.status === 429) return common.errors.limited(error.retryAfterS ?? 1);
  if (error.code === 'GW-0005') return common.errors.forbidden;
  if (error.status === 502 || error.status === 503 || error.status === 504) return common.errors.unavailable;
  if (error.status >= 500) return common.errors.server;
  return error.detail === undefined ? `${error.message}.`.replace('..', '.') : `${error.message}: ${error.detail}`;
}

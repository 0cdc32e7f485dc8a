// Calls of AWS's JSON 1.1 operations, typed by the SDK. Its packages are imported as types only: they cost no bytes.
import type * as CodeBuild from '@aws-sdk/client-codebuild';
import type * as CodeCommit from '@aws-sdk/client-codecommit';
import type * as CodePipeline from '@aws-sdk/client-codepipeline';

interface Services {
  codepipeline: typeof CodePipeline;
  codebuild: typeof CodeBuild;
  codecommit: typeof CodeCommit;
}

const targets: Record<keyof Services, string> = {
  codepipeline: 'CodePipeline_20150709',
  codebuild: 'CodeBuild_20161006',
  codecommit: 'CodeCommit_20150413',
};

/** The shape on the wire: timestamps are epoch seconds, blobs are Base64, there is no $metadata. */
export type Wire<T> = T extends Date
  ? number
  : T extends Uint8Array
    ? string
    : T extends (infer E)[]
      ? Wire<E>[]
      : T extends object
        ? { [K in keyof T as K extends '$metadata' ? never : K]: Wire<T[K]> }
        : T;

type CommandOf<S, Op extends string> = `${Op}Command` extends keyof S
  ? S[`${Op}Command`] extends abstract new (...a: never) => infer C
    ? C
    : never
  : never;
export type OpName<S> = keyof S extends infer K ? (K extends `${infer N}Command` ? N : never) : never;
export type In<S, Op extends string> = CommandOf<S, Op> extends { input: infer I } ? Wire<I> : never;
export type Out<S, Op extends string> =
  CommandOf<S, Op> extends { resolveMiddleware: (...a: never) => (...a: never) => Promise<{ output: infer O }> } ? Wire<O> : never;

/** What a service refused, with the name of its exception. */
export class AwsError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly status: number,
  ) {
    super(message || code);
    this.name = code;
  }

  /** Whether the caller's policies do not allow it. */
  get denied(): boolean {
    return this.code === 'AccessDeniedException' || this.code === 'AccessDenied';
  }
}

/** here is where the console talks to its server. */
export const here = '/conveyor/console/';

/** refusal reads an answer that says no. */
export async function refusal(res: Response): Promise<AwsError> {
  const text = await res.text();
  try {
    const body = JSON.parse(text) as { __type?: string; message?: string; Message?: string };
    const code = (body.__type ?? `HTTP${res.status}`).replace(/^.*#/, '').replace(/:.*$/, '');
    return new AwsError(code, body.message ?? body.Message ?? '', res.status);
  } catch {
    const found = (tag: string) => new RegExp(`<${tag}>([^<]*)</${tag}>`).exec(text)?.[1];
    return new AwsError(found('Code') ?? `HTTP${res.status}`, found('Message') ?? text.slice(0, 300), res.status);
  }
}

/** call sends input to an operation, by its target. */
export async function call<T>(target: string, input: unknown, signal?: AbortSignal): Promise<T> {
  const res = await fetch(`${here}aws`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': target },
    body: JSON.stringify(input),
    signal,
  });
  if (!res.ok) throw await refusal(res);
  const text = await res.text();
  return (text ? JSON.parse(text) : {}) as T;
}

export const aws = <K extends keyof Services, Op extends OpName<Services[K]> & string>(service: K, op: Op, input: In<Services[K], Op>, signal?: AbortSignal) =>
  call<Out<Services[K], Op>>(`${targets[service]}.${op}`, input, signal);

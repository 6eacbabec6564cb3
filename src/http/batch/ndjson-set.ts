/**
 * `batch/set` of lines: carries out items as they arrive and answers as it goes, in bounded memory.
 *
 * A client that does not read its answers fills the pipeline; then nothing more is read of what it
 * sends (back-pressure), and after some time without progress a last line says what is wrong.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { counted, ResultdError } from '../../errors.js';
import { Slices } from '../../timing.js';
import { cutWhenStalled } from '../large-answers.js';
import { NDJSON_TYPE } from '../media-type.js';
import { problemOf } from '../problem.js';
import { lingerOn } from '../protocol.js';
import { ItemPipeline, MAX_HELD } from './item-pipeline.js';
import type { ItemWriter } from './item-writer.js';
import { LineSplitter } from './line-splitter.js';

interface NdjsonLimits {
  /** The longest line, in bytes. */
  readonly bodyLimit: number;
  /** How long a client may not read its answers where they are in the way, in milliseconds. */
  readonly stallMs: number;
  /** How long a client may send nothing, in milliseconds. */
  readonly idleMs: number;
}

export interface NdjsonOptions {
  readonly writer: ItemWriter;
  readonly limits: NdjsonLimits;
  /** Makes an error of what nobody expected, and logs it. */
  readonly toError: (thrown: unknown) => ResultdError;
}

export class NdjsonSet {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #limits: NdjsonLimits;
  readonly #toError: (thrown: unknown) => ResultdError;
  readonly #pipeline: ItemPipeline;
  #isGone = false;
  #onReadable: ((isInTime: boolean) => void) | undefined;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    { writer, limits, toError }: NdjsonOptions,
  ) {
    this.#request = request;
    this.#response = response;
    this.#limits = limits;
    this.#toError = toError;
    this.#pipeline = new ItemPipeline({
      run: (index, document, done) => writer.write(index, document, done),
      emit: (answers) => response.write(`${answers.join('\n')}\n`),
    });
  }

  /** Resolves when the answer has ended, or the client has gone. Never rejects. */
  async run(): Promise<void> {
    const headers = { 'content-type': NDJSON_TYPE, 'cache-control': 'no-store' };
    this.#response.writeHead(200, headers).flushHeaders();
    this.#listen();
    let problem: ResultdError | undefined;
    try {
      await this.#takeLines();
      await this.#until(() => this.#pipeline.isDone);
    } catch (error) {
      problem = this.#toError(error);
    }
    await this.#finish(problem);
  }

  #listen(): void {
    const wake = (): void => this.#onReadable?.(true);
    for (const event of ['readable', 'end', 'close', 'error']) this.#request.on(event, wake);
    this.#response.on('drain', () => this.#pipeline.resume());
    this.#response.once('close', () => {
      this.#isGone = true;
      wake();
      this.#pipeline.interrupt();
    });
  }

  async #takeLines(): Promise<void> {
    const splitter = new LineSplitter(this.#limits.bodyLimit);
    const slices = new Slices();
    for (;;) {
      const chunk = await this.#nextChunk();
      if (this.#isGone) return;
      for (const line of chunk === undefined ? splitter.end() : splitter.split(chunk)) {
        const bytes = line?.length ?? 0;
        if (!this.#pipeline.hasRoom(bytes)) await this.#until(() => this.#pipeline.hasRoom(bytes));
        if (slices.isOver) await slices.rest();
        if (this.#isGone) return;
        this.#pipeline.submit(line ?? this.#tooLong());
      }
      if (chunk === undefined) return;
    }
  }

  /** Undefined at the end. Throws where nothing comes for too long. */
  async #nextChunk(): Promise<Buffer | undefined> {
    while (!this.#isGone) {
      const chunk = this.#request.read() as Buffer | null;
      if (chunk !== null) return chunk;
      if (this.#request.readableEnded) return undefined;
      const isInTime = await new Promise<boolean>((resolve) => {
        const timer = setTimeout(resolve, this.#limits.idleMs, false);
        this.#onReadable = (value) => {
          clearTimeout(timer);
          resolve(value);
        };
      });
      if (!isInTime) throw nothingCame(this.#limits.idleMs);
    }
    return undefined;
  }

  /** Waits until the condition holds, or the client has gone. Throws where it does not read. */
  async #until(condition: () => boolean): Promise<void> {
    let isStalled = false;
    while (!condition() && !this.#isGone) {
      if (isStalled) throw notRead(this.#limits.stallMs, this.#pipeline.submitted);
      const stall = (): void => {
        isStalled = true;
        this.#pipeline.interrupt();
      };
      const timer = this.#pipeline.isBlocked ? setTimeout(stall, this.#limits.stallMs) : undefined;
      await this.#pipeline.changed();
      clearTimeout(timer);
    }
  }

  /** Ends the answer: every item that was taken in has one. */
  async #finish(problem: ResultdError | undefined): Promise<void> {
    await this.#pipeline.idle();
    if (this.#isGone) return;
    const lines = this.#pipeline.takeHeld();
    if (problem !== undefined) lines.push(JSON.stringify({ problem: problemOf(problem) }));
    this.#response.end(lines.map((line) => `${line}\n`).join(''));
    const { socket } = this.#request;
    // Who neither takes the answer nor sends anything is not waited for.
    cutWhenStalled(this.#response, this.#limits.stallMs);
    if (problem === undefined) return;
    // A client that sends before it reads gets to its answers: the rest is thrown away.
    this.#request.removeAllListeners('readable');
    lingerOn(this.#request, this.#limits.stallMs);
    this.#response.once('finish', () => socket.destroySoon());
  }

  #tooLong(): ResultdError {
    const { bodyLimit } = this.#limits;
    return new ResultdError(
      'too-large',
      `the line is larger than ${bodyLimit} bytes, which is the limit here: store the value ` +
        'elsewhere and report a reference to it, or raise RESULTD_BODY_LIMIT',
    );
  }
}

function notRead(stallMs: number, items: number): ResultdError {
  return new ResultdError(
    'invalid-request',
    `the answers have not been read for ${stallMs / 1_000} s: after ${counted(items, 'item')} the rest was not ` +
      `taken in. Read the answers while you send, or send at most ${MAX_HELD} items at once`,
  );
}

function nothingCame(idleMs: number): ResultdError {
  return new ResultdError(
    'invalid-request',
    `nothing has come for ${idleMs / 1_000} s: send what is left as another request`,
  );
}

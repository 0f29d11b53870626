/**
 * Writes metrics in the text format of Prometheus, version 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/).
 *
 * There is no registry that everyone counts into: each part of the server keeps its own figures and tells them when asked,
 * so counting costs an addition and scraping costs what it reads.
 */

import { assert } from '../../base/assert.ts';

export type Labels = Readonly<Record<string, string>>;

/** Something whose figures are asked at every scrape. */
export type MetricSource = (metrics: Exposition) => void;

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

export class Exposition {
  readonly #metrics = new Map<string, { readonly head: string; readonly lines: string[] }>();

  /** A count since the process began; its name ends in `_total`. */
  counter(name: string, help: string, value: number | readonly Sample[]): void {
    assert(name.endsWith('_total'), () => `counter ${name} must end in _total`);
    this.#metric(name, 'counter', help, value);
  }

  /** A value of now. */
  gauge(name: string, help: string, value: number | readonly Sample[]): void {
    this.#metric(name, 'gauge', help, value);
  }

  /**
   * `counts[i]` observations were at most `bounds[i]`, and more than the bound before; the last count is of those beyond
   * all bounds. Where only buckets are kept no sum is known, and none is told.
   */
  histogram(
    name: string,
    help: string,
    bounds: readonly number[],
    series: readonly { readonly labels: Labels; readonly counts: readonly number[]; readonly sum?: number }[],
  ): void {
    const lines: string[] = [];
    for (const { labels, counts, sum } of series) {
      assert(counts.length === bounds.length + 1, () => `histogram ${name}: ${counts.length} counts`);
      let total = 0;
      for (let i = 0; i < counts.length; i++) {
        total += counts[i]!;
        const le = i < bounds.length ? String(bounds[i]) : '+Inf';
        lines.push(`${name}_bucket${labelText({ ...labels, le })} ${total}`);
      }
      if (sum !== undefined) lines.push(`${name}_sum${labelText(labels)} ${numberText(sum)}`);
      lines.push(`${name}_count${labelText(labels)} ${total}`);
    }
    this.#block(name, 'histogram', help, lines);
  }

  text(): string {
    let text = '';
    for (const { head, lines } of this.#metrics.values()) text += head + lines.map((line) => `${line}\n`).join('');
    return text;
  }

  #metric(name: string, type: string, help: string, value: number | readonly Sample[]): void {
    const samples = typeof value === 'number' ? [{ labels: {}, value }] : value;
    this.#block(
      name,
      type,
      help,
      samples.map((sample) => `${name}${labelText(sample.labels)} ${numberText(sample.value)}`),
    );
  }

  /** Several sources may tell one metric, with different labels: its samples must stand together. */
  #block(name: string, type: string, help: string, lines: readonly string[]): void {
    assert(NAME.test(name), () => `${name} is no name of a metric`);
    const escapedHelp = help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
    const head = `# HELP ${name} ${escapedHelp}\n# TYPE ${name} ${type}\n`;
    const metric = this.#metrics.get(name);
    assert(metric === undefined || metric.head === head, () => `metric ${name} is told in two ways`);
    if (metric === undefined) this.#metrics.set(name, { head, lines: [...lines] });
    else metric.lines.push(...lines);
  }
}

function labelText(labels: Labels): string {
  const parts = Object.entries(labels).map(
    ([name, value]) => `${name}="${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`,
  );
  return parts.length === 0 ? '' : `{${parts.join(',')}}`;
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);
}

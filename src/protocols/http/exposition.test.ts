import { expect, it } from 'vitest';
import { Exposition } from './exposition.ts';

it('writes the text format of Prometheus', () => {
  const metrics = new Exposition();
  metrics.counter('a_total', 'Help with \\ and\nline end.', 3);
  metrics.gauge('b', 'B.', [{ labels: { name: 'quote " and \\' }, value: 1.5 }]);
  metrics.histogram('c', 'C.', [0.1, 1], [{ labels: { type: 'x' }, counts: [1, 0, 2] }]);
  metrics.histogram('d', 'D.', [1], [{ labels: {}, counts: [1, 1], sum: 2.5 }]);
  expect(metrics.text()).toBe(
    [
      '# HELP a_total Help with \\\\ and\\nline end.',
      '# TYPE a_total counter',
      'a_total 3',
      '# HELP b B.',
      '# TYPE b gauge',
      'b{name="quote \\" and \\\\"} 1.5',
      '# HELP c C.',
      '# TYPE c histogram',
      'c_bucket{type="x",le="0.1"} 1',
      'c_bucket{type="x",le="1"} 1',
      'c_bucket{type="x",le="+Inf"} 3',
      'c_count{type="x"} 3',
      '# HELP d D.',
      '# TYPE d histogram',
      'd_bucket{le="1"} 1',
      'd_bucket{le="+Inf"} 2',
      'd_sum 2.5',
      'd_count 2',
      '',
    ].join('\n'),
  );
});

it('keeps the samples of one metric together whoever tells them, and refuses two meanings for a name', () => {
  const metrics = new Exposition();
  metrics.gauge('a', 'A.', [{ labels: { of: '1' }, value: 1 }]);
  metrics.gauge('b', 'B.', 0);
  metrics.gauge('a', 'A.', [{ labels: { of: '2' }, value: 2 }]);
  expect(metrics.text()).toContain('a{of="1"} 1\na{of="2"} 2\n');
  expect(() => metrics.gauge('a', 'Another.', 1)).toThrow('two ways');
  expect(() => metrics.counter('a', 'A.', 1)).toThrow('_total');
});

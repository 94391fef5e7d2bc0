import assert from "node:assert/strict";
import { test } from "node:test";
import { spanAt } from "../src/timeline.ts";

const spans = [
  { start: 0, end: 5 },
  { start: 5, end: 9 },
  { start: 20, end: 30 },
  { start: 31, end: Infinity },
];

test("finds the line that is being said", () => {
  assert.equal(spanAt(spans, 0), 0);
  assert.equal(spanAt(spans, 4.99), 0);
  assert.equal(spanAt(spans, 5), 1);
  assert.equal(spanAt(spans, 25), 2);
  assert.equal(spanAt(spans, 99_999), 3);
});

test("keeps a line a little into a pause, not longer", () => {
  assert.equal(spanAt(spans, 10.9), 1);
  assert.equal(spanAt(spans, 11.1), -1);
  assert.equal(spanAt(spans, 15, Infinity), 1);
});

test("knows none before the first and in no lines", () => {
  assert.equal(spanAt([{ start: 3, end: 4 }], 1), -1);
  assert.equal(spanAt([], 1), -1);
});

test("agrees with a plain walk over ten thousand lines", () => {
  const many = Array.from({ length: 10_000 }, (_, n) => ({ start: n * 3, end: n * 3 + 2 }));
  for (const moment of [0, 1.5, 2.5, 7777, 14_999.9, 29_998]) {
    let walked = -1;
    many.forEach((span, n) => {
      if (span.start <= moment) walked = n;
    });
    assert.equal(spanAt(many, moment), walked);
  }
});

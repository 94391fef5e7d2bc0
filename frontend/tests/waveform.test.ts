import assert from "node:assert/strict";
import { test } from "node:test";
import { barsPath, peaksOf, resample } from "../src/waveform.ts";

test("reads peaks in the three forms, scaled to the loudest", () => {
  assert.deepEqual(peaksOf([1, 2, 4]), [0.25, 0.5, 1]);
  assert.deepEqual(peaksOf({ peaks: [0, 0.1] }), [0, 1]);
  assert.deepEqual(peaksOf({ data: [-4, 2, -1, 8] }), [0.5, 1]);
});

test("takes nothing from what is no waveform", () => {
  for (const other of [null, undefined, 3, "x", {}, { peaks: "no" }, ["a"], [Infinity]]) assert.deepEqual(peaksOf(other), []);
  assert.deepEqual(peaksOf([0, 0]), [0, 0]);
});

test("resampling keeps the loudest of each share and the number asked for", () => {
  assert.deepEqual(resample([0, 1, 0, 0.5], 2), [1, 0.5]);
  assert.equal(resample([0.3], 150).length, 150);
  assert.deepEqual(resample([], 10), []);
});

test("bars are drawn inside their box", () => {
  const path = barsPath([0, 1], 0, 2);
  assert.equal(path, "M0 21h2.2v2h-2.2zM4 2h2.2v40h-2.2z");
  assert.equal(barsPath([1, 1], 5, 9), "");
});

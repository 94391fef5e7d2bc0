import assert from "node:assert/strict";
import { test } from "node:test";
import { clock, fragmentOf, momentOf } from "../src/time.ts";

test("clock writes minutes, and hours only when there are some", () => {
  assert.equal(clock(0), "00:00");
  assert.equal(clock(372.9), "06:12");
  assert.equal(clock(3972), "1:06:12");
  assert.equal(clock(NaN), "00:00");
  assert.equal(clock(-4), "00:00");
  assert.equal(clock(Infinity), "00:00");
});

test("a moment is read from every form of address and from nothing else", () => {
  assert.equal(momentOf("#t=372"), 372);
  assert.equal(momentOf("t=372.5"), 372.5);
  assert.equal(momentOf("#t=6:12"), 372);
  assert.equal(momentOf("#t=1:06:12"), 3972);
  for (const other of ["", "#", "#p-3f9a0001", "#t=", "#t=x", "#t=1:2:3:4", "#t=-3", "#t=1e9", "#tt=3"]) {
    assert.equal(momentOf(other), null, other);
  }
});

test("what is written is read again", () => {
  for (const seconds of [0, 1, 59, 60, 3599, 3600, 86_399]) assert.equal(momentOf(fragmentOf(seconds)), seconds);
});

"""The Khronos validator on our files (npm, so only in tests)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from heritage3d.pipeline.gltf import node_command

REPOSITORY = Path(__file__).resolve().parents[2]
VALIDATOR = REPOSITORY / "node_modules" / "gltf-validator"
_VALIDATE = (
    "const v=require('gltf-validator');const fs=require('fs');"
    "v.validateBytes(new Uint8Array(fs.readFileSync(process.argv[1]))).then(r=>console.log(JSON.stringify(r)))"
)
#: Reads a compressed file and writes it without EXT_meshopt_compression, which the validator does not know.
_DECODE = """
import { NodeIO } from "@gltf-transform/core";
import {
  EXTMeshoptCompression, EXTTextureWebP, KHRMaterialsUnlit, KHRMeshQuantization,
} from "@gltf-transform/extensions";
import { MeshoptDecoder } from "meshoptimizer";
await MeshoptDecoder.ready;
const io = new NodeIO()
  .registerExtensions([EXTMeshoptCompression, EXTTextureWebP, KHRMaterialsUnlit, KHRMeshQuantization])
  .registerDependencies({ "meshopt.decoder": MeshoptDecoder });
const [input, output] = process.argv.slice(-2);
const model = await io.read(input);
for (const used of model.getRoot().listExtensionsUsed()) {
  if (used.extensionName === "EXT_meshopt_compression") used.dispose();
}
await io.write(output, model);
"""


def khronos_report(path: Path) -> dict[str, Any]:
    """What the validator says of a GLB. Skips the test where it is not installed."""
    if not VALIDATOR.exists():
        pytest.skip("the Khronos validator is not installed: npm ci")
    return json.loads(_node("-e", _VALIDATE, str(path)))


def decoded(path: Path, target: Path) -> Path:
    """The GLB written to `target` with its buffers uncompressed."""
    _node("--input-type=module", "-e", _DECODE, str(path), str(target))
    return target


def _node(*arguments: str) -> str:
    done = subprocess.run(
        [*node_command(), *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout

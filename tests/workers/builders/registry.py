"""A registry on loopback, Debian's docker-registry, and images to put into it."""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.ports import free_port

NEEDED = ("buildah", "runc", "docker-registry", "busybox", "mkfs.ext4", "mmdebstrap")
"""Programs of Debian's packages of these names, mkfs.ext4 of e2fsprogs, busybox of busybox-static."""
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def find_missing() -> str:
    """Say what keeps this machine from building; empty where nothing does."""
    missing = [each for each in NEEDED if shutil.which(each) is None]
    if os.geteuid() != 0:
        return "not root"
    return f"not installed: {', '.join(missing)}" if missing else ""


class Registry:
    """Where images are."""

    def __init__(self, name: str) -> None:
        self.name = name

    def push(self, image: str, layers: Sequence[bytes], **config: Any) -> str:
        """Store an image made of tars; return its name."""
        name, _, tag = image.partition(":")
        packed = [gzip.compress(each, 1, mtime=0) for each in layers]
        settings = {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Env": [PATH], "Cmd": ["/bin/sh"], **config},
            "rootfs": {"type": "layers", "diff_ids": [_digest(each) for each in layers]},
            "history": [{"created": "2026-01-01T00:00:00Z", "created_by": "import"} for _ in layers],
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self._put(name, json.dumps(settings).encode(), "application/vnd.docker.container.image.v1+json"),
            "layers": [self._put(name, each, "application/vnd.docker.image.rootfs.diff.tar.gzip") for each in packed],
        }
        place = f"http://{self.name}/v2/{name}/manifests/{tag}"
        httpx.put(
            place, content=json.dumps(manifest), headers={"content-type": MANIFEST}, trust_env=False
        ).raise_for_status()
        return f"{self.name}/{image}"

    def push_layout(self, image: str, layout: Path) -> str:
        """Store the image of an OCI layout; return its name."""
        name, _, tag = image.partition(":")
        (listed,) = json.loads((layout / "index.json").read_text())["manifests"]
        blobs = layout / "blobs" / "sha256"
        manifest = (blobs / listed["digest"].removeprefix("sha256:")).read_bytes()
        parsed = json.loads(manifest)
        for each in (parsed["config"], *parsed["layers"]):
            self._put(name, (blobs / each["digest"].removeprefix("sha256:")).read_bytes(), "")
        place = f"http://{self.name}/v2/{name}/manifests/{tag}"
        kind = "application/vnd.oci.image.manifest.v1+json"
        httpx.put(place, content=manifest, headers={"content-type": kind}).raise_for_status()
        return f"{self.name}/{image}"

    def _put(self, name: str, blob: bytes, kind: str) -> dict[str, Any]:
        place = httpx.post(f"http://{self.name}/v2/{name}/blobs/uploads/", trust_env=False).headers["location"]
        httpx.put(f"{place}&digest={_digest(blob)}", content=blob, trust_env=False).raise_for_status()
        return {"mediaType": kind, "size": len(blob), "digest": _digest(blob)}


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


@contextmanager
def serve_registry(directory: Path, host: str = "127.0.0.1") -> Iterator[Registry]:
    """Run a registry at an address of this machine."""
    port = free_port(host)
    settings = directory / "registry.yml"
    settings.write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {directory}/blobs}}}}\n"
        f"http: {{addr: {host}:{port}}}\nlog: {{level: error}}\n"
    )
    with (directory / "registry.log").open("wb") as log:
        process = subprocess.Popen(["docker-registry", "serve", str(settings)], stdout=log, stderr=log)
    try:
        for _ in range(200):
            try:
                httpx.get(f"http://{host}:{port}/v2/", trust_env=False).raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.05)
        yield Registry(f"{host}:{port}")
    finally:
        process.terminate()
        process.wait()


def make_busybox() -> bytes:
    """Return the tar of a tiny system: busybox, and the names of its programs."""
    program = Path(shutil.which("busybox") or "").read_bytes()
    listed = subprocess.run(["busybox", "--list"], capture_output=True, text=True, check=True).stdout.split()
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for folder in ("bin", "etc", "tmp", "root", "proc", "sys", "dev"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        add_file(archive, "bin/busybox", program, 0o755)
        add_file(archive, "etc/passwd", b"root:x:0:0::/root:/bin/sh\ndaemon:x:1:1::/:/bin/sh\n")
        add_file(archive, "etc/group", b"root:x:0:\ndaemon:x:1:\n")
        for name in listed:
            if name != "busybox":
                entry = tarfile.TarInfo(f"bin/{name}")
                entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
                archive.addfile(entry)
    return stream.getvalue()


def make_debian(cache: Path) -> bytes:
    """Return the tar of a small Debian 12, made once for this machine, of packages from where its own apt has them."""
    made = cache / "bookworm.tar"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        # The processes of one run want it at the same time.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            part = made.with_name(f"{os.getpid()}.tar")
            sources = _sources()
            include = "apt,ca-certificates" if any("https:" in each for each in sources) else "apt"
            options = ["--quiet", "--variant=essential", f"--include={include}"]
            subprocess.run(["mmdebstrap", *options, "bookworm", str(part), *sources], check=True)
            part.rename(made)
    return made.read_bytes()


def unpack_docker(cache: Path) -> Path:
    """Return a directory with Docker's engine, client and buildx of Debian 13, unpacked once for this machine.

    They run here with the runc that is installed.
    """
    made = cache / "docker-trixie"
    if not made.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            root, part = Path(folder, "root"), Path(folder, "part")
            packages = "docker.io,docker-cli,docker-buildx,containerd"
            sources = [each.replace(" bookworm", " trixie") for each in _sources()]
            options = ["--quiet", "--variant=extract", f"--include={packages}"]
            subprocess.run(["mmdebstrap", *options, "trixie", str(root), *sources], check=True)
            (part / "cli-plugins").mkdir(parents=True)
            for name in ("bin/docker", "sbin/dockerd", "bin/docker-init", "bin/containerd"):
                shutil.move(root / "usr" / name, part)
            shutil.move(root / "usr/bin/containerd-shim-runc-v2", part)
            shutil.move(root / "usr/libexec/docker/cli-plugins/docker-buildx", part / "cli-plugins")
            part.rename(made)
    return made


def _sources() -> list[str]:
    """Return lines for Debian 12 of this machine's apt; where it is set up for none, mmdebstrap has its own."""
    command = ["apt-get", "indextargets", "--no-release-info", "--format", "deb $(REPO_URI) $(RELEASE) $(COMPONENT)"]
    said = subprocess.run([*command, "Created-By: Packages"], capture_output=True, text=True, check=True).stdout
    ours = re.compile(r"deb \S+ bookworm(?:-updates|-security)? main")
    return sorted({each for each in said.splitlines() if ours.fullmatch(each)})


def add_file(archive: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    """Add a file of root's to a tar."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))

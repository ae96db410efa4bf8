# The study with its environment, for a machine that has neither Python nor root. `make image` builds it.
# CUDA's libraries come with torch. DEVICE=cpu leaves them out; torch's builds without them are not
# where the pinned files are, so TORCH_INDEX says where, and their checksums are not checked.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS environment
ARG DEVICE=cuda
ARG TORCH_INDEX=
RUN export DEBIAN_FRONTEND=noninteractive \
 && apt-get update -qq \
 && apt-get install -qq --yes --no-install-recommends python3-venv
WORKDIR /study
COPY envs/hashes.txt envs/constraints.txt envs/
# --no-deps: the pins are all there is to install, whichever of them are left out here.
RUN set -eu; \
    python3 -m venv .venv; \
    install() { .venv/bin/pip install --quiet --no-cache-dir --no-deps "$@"; }; \
    case "$DEVICE" in \
      cuda) cp envs/hashes.txt pins.txt ;; \
      cpu) test -n "$TORCH_INDEX" || { echo "DEVICE=cpu needs TORCH_INDEX" >&2; exit 1; }; \
        awk '/^[a-z]/ { kept = !/^(torch|torchvision|triton|cuda-[a-z]+|nvidia-[a-z0-9-]+)==/ } kept' \
          envs/hashes.txt > pins.txt; \
        install --index-url "$TORCH_INDEX" -r envs/constraints.txt ;; \
      *) echo "DEVICE is cuda or cpu, not $DEVICE" >&2; exit 1 ;; \
    esac; \
    install --require-hashes -r pins.txt; \
    rm pins.txt
COPY pyproject.toml README.md LICENSE ./
COPY workflow/landscape workflow/landscape
# .ready tells make that the environment is there.
RUN .venv/bin/pip install --quiet --no-cache-dir --no-deps --no-build-isolation -e . \
 && touch .venv/.ready

FROM ${BASE}
RUN export DEBIAN_FRONTEND=noninteractive \
 && apt-get update -qq \
 && apt-get install -qq --yes --no-install-recommends git make python3 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 1000 --create-home study
WORKDIR /study
COPY --from=environment /study/.venv .venv
COPY . .
# Any user may work here, so that the results of `docker run --user` belong to whoever asked for them.
RUN mkdir -p results && chmod 1777 . results
USER study
ENV PATH=/study/.venv/bin:$PATH HOME=/tmp USER=study
CMD ["make", "demo"]

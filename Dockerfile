# The study with its environment, for a machine that has neither Python nor root. `make image` builds it.
# torch includes CUDA's libraries. DEVICE=cpu leaves them out; torch's builds without them have another
# index, which TORCH_INDEX names, and their checksums are not checked.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS environment
ARG DEVICE=cuda
ARG TORCH_INDEX=
RUN export DEBIAN_FRONTEND=noninteractive \
 && apt-get update -qq \
 && apt-get install -qq --yes --no-install-recommends python3-venv
WORKDIR /study
COPY envs/hashes.txt envs/constraints.txt envs/
# --no-deps: install only the pinned packages, even if some are left out here.
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
# .ready tells make that the environment exists.
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
# Any user may write here, so that the results of `docker run --user` belong to that user.
RUN mkdir -p results && chmod 1777 . results
USER study
ENV PATH=/study/.venv/bin:$PATH HOME=/tmp USER=study
CMD ["make", "demo"]

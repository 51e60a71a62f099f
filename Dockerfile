# The controller's image as a release publishes it. `npm run image` makes the same from this machine's own files, without
# Docker. Releases pin the base by digest: --build-arg NODE_IMAGE=node@sha256:...
ARG NODE_IMAGE=node:22-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run build

FROM ${NODE_IMAGE}
RUN apt-get update \
 && apt-get install -y --no-install-recommends iproute2 iptables nftables ipset mount \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /src/dist/controller.cjs /src/dist/NOTICES /src/LICENSE /opt/cni-migrate/
ENTRYPOINT ["/usr/local/bin/node", "/opt/cni-migrate/controller.cjs"]

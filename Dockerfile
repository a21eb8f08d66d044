# One image for every part of Hydra; the command says which: scheduler, coordinator, worker, migrate, check.
#
#   docker build --tag hydra .
#   docker run --rm hydra --help

FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=optional --ignore-scripts
COPY . .
# The modes are set because those of a checkout depend on its umask.
RUN npm run build \
    && rm dist/.tsbuildinfo \
    && chmod -R u=rwX,go=rX LICENSE package.json migrations proto dist \
    && chmod +x dist/cli/main.js

# No development dependencies, and no optional one: the embedded PostgreSQL is for `hydra up` on a developer's machine.
# No package that is left needs an install script.
FROM node:24-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts

FROM node:24-bookworm-slim
# Commands leave processes behind, and these become children of process 1, which must reap them; Node does not. The
# init is in the image, since `docker run --init` and `init: true` hold only where somebody remembers them.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/LICENSE /app/package.json ./
COPY --from=build /app/migrations ./migrations
COPY --from=build /app/proto ./proto
COPY --from=build /app/dist ./dist
RUN ln -s /app/dist/cli/main.js /usr/local/bin/hydra

# The user is `node`, as a number so that Kubernetes can see that it is not root.
USER 1000:1000
# Where commands run. The code in /app is root's and cannot be changed by them.
WORKDIR /home/node
ENTRYPOINT ["tini", "--", "hydra"]
CMD ["--help"]

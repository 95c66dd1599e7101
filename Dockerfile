# The console's files. What builds them stays out of the image.
FROM node:24-slim AS console

WORKDIR /app
COPY package.json package-lock.json ./
COPY console ./console
COPY clients/typescript ./clients/typescript
RUN npm ci --ignore-scripts && node console/build.mjs

FROM node:24-slim

ENV NODE_ENV=production
WORKDIR /app

COPY package.json package-lock.json ./
# Workspaces, which npm looks for. They have no packages that run here.
COPY clients/typescript/package.json ./clients/typescript/package.json
COPY console/package.json ./console/package.json
COPY cli/package.json ./cli/package.json
RUN npm ci --omit=dev --ignore-scripts && npm cache clean --force
COPY tracing ./tracing
# The packages of traces: docker build --build-arg TRACING=true
ARG TRACING=false
RUN if [ "$TRACING" = true ]; then npm ci --prefix tracing --ignore-scripts && npm cache clean --force; fi
COPY src ./src
COPY scripts ./scripts
COPY --from=console /app/console/dist ./console/dist

# The embedded store's folder, for the case that no bucket is named.
RUN mkdir /data && chown node:node /data
VOLUME /data
# Others can reach this address, so the server does not start without AUTH: docker run -e AUTH=tokens, or AUTH=none.
ENV HOST=0.0.0.0 PORT=9000 DATA_DIR=/data

USER node
EXPOSE 9000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --start-interval=1s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]

# Exec form, and node itself instead of npm: the server gets SIGTERM and ends in order.
CMD ["node", "src/server.ts"]

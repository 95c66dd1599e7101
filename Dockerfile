FROM node:24-slim

ENV NODE_ENV=production
WORKDIR /app

COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts && npm cache clean --force
COPY tracing ./tracing
# The packages of traces: docker build --build-arg TRACING=true
ARG TRACING=false
RUN if [ "$TRACING" = true ]; then npm ci --prefix tracing --ignore-scripts && npm cache clean --force; fi
COPY src ./src
COPY scripts ./scripts

# The embedded store's folder, for the case that no bucket is named.
RUN mkdir /data && chown node:node /data
VOLUME /data
ENV HOST=0.0.0.0 PORT=9000 DATA_DIR=/data

USER node
EXPOSE 9000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --start-interval=1s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]

# Exec form, and node itself instead of npm: the server gets SIGTERM and ends in order.
CMD ["node", "src/server.ts"]

# syntax=docker/dockerfile:1
# resultd as a small image: built in one stage, run in another, by a user without rights.

FROM node:24-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci
COPY tsconfig.json openapi.yaml ./
COPY scripts ./scripts
COPY src ./src
COPY routes ./routes
COPY schemas ./schemas
RUN npm run build && npm prune --omit=dev

FROM node:24-bookworm-slim
ENV NODE_ENV=production \
    RESULTD_HOST=0.0.0.0 \
    RESULTD_BACKEND=lmdb:/var/lib/resultd
WORKDIR /opt/resultd
COPY --from=build /build/package.json /build/openapi.yaml ./
COPY --from=build /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
RUN mkdir /var/lib/resultd && chown node:node /var/lib/resultd
USER node
VOLUME /var/lib/resultd
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.RESULTD_PORT || 8080) + '/readyz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# In exec form, so that the process itself gets SIGTERM and can drain.
ENTRYPOINT ["node", "dist/src/main.js"]
CMD ["serve"]

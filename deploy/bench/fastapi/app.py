"""The manifest read as a Python service of the usual shape has it: token check, membership, cache, database, gzip."""

import json
import os
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
import jwt
import redis.asyncio as redis
from fastapi import Depends, FastAPI, Header, HTTPException, Request, Response
from fastapi.middleware.gzip import GZipMiddleware

SECRET, ISSUER = os.environ["JWT_SECRET"], os.environ["JWT_ISSUER"]


@asynccontextmanager
async def lifespan(app: FastAPI):
    app.state.cache = redis.from_url(os.environ["REDIS_URL"])
    app.state.pool = await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=4, max_size=8)
    yield
    await app.state.pool.close()
    await app.state.cache.aclose()


app = FastAPI(lifespan=lifespan)
app.add_middleware(GZipMiddleware, minimum_size=500)


def claims(authorization: str = Header()) -> dict:
    try:
        token = authorization.removeprefix("Bearer ")
        return jwt.decode(token, SECRET, algorithms=["HS256"], audience="authenticated", issuer=ISSUER)
    except jwt.InvalidTokenError as error:
        raise HTTPException(401) from error


async def role(request: Request, workspace: UUID, user: str) -> str | None:
    """The member's role, cached for five seconds."""
    cache, key = request.app.state.cache, f"bench:fastapi:role:{workspace}:{user}"
    if (held := await cache.get(key)) is not None:
        return held.decode()
    found = await request.app.state.pool.fetchval("select identity.member_role($1, $2)", workspace, UUID(user))
    if found is not None:
        await cache.set(key, found, ex=5)
    return found


@app.get("/livez")
async def livez() -> dict:
    return {"status": "ok"}


@app.get("/api/context/manifest")
async def manifest(request: Request, x_workspace_id: UUID = Header(), claims: dict = Depends(claims)) -> Response:
    if await role(request, x_workspace_id, claims["sub"]) is None:
        raise HTTPException(404)
    cache, key = request.app.state.cache, f"bench:fastapi:manifest:{x_workspace_id}"
    if (body := await cache.get(key)) is None:
        row = await request.app.state.pool.fetchrow(
            "select record, content, checksum from bcm.business_context_manifests where workspace_id = $1 order by sequence desc limit 1",
            x_workspace_id,
        )
        if row is None:
            raise HTTPException(404)
        body = json.dumps({"record": json.loads(row["record"]), "content": json.loads(row["content"])}).encode()
        await cache.set(key, body, ex=300)
    return Response(body, media_type="application/json")

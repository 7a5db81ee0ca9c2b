"""The same authenticated read in FastAPI + SQLAlchemy: the token's signature and claims, the permission, one row.

python api.py DATABASE PUBLIC_KEY_PEM ISSUER AUDIENCE PORT
One process of uvicorn for each core, as its documentation advises.
"""

import sys

import jwt
import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel
from sqlalchemy import LargeBinary, String, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

DATABASE, KEY_FILE, ISSUER, AUDIENCE, PORT = sys.argv[1:6] if len(sys.argv) > 5 else [""] * 5


class Base(DeclarativeBase):
    pass


class Taxpayer(Base):
    __tablename__ = "taxpayers"
    tenant_id: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    id: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    kind: Mapped[str] = mapped_column(String)
    tax_id: Mapped[str] = mapped_column(String)
    name: Mapped[str] = mapped_column(String)
    environment: Mapped[str] = mapped_column(String)


ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def bytes_of(identifier: str) -> bytes:
    """The sixteen bytes of a TypeID: 128 bits in base 32, behind the last underscore."""
    number = 0
    for letter in identifier.rpartition("_")[2]:
        number = number * 32 + ALPHABET.index(letter)
    return number.to_bytes(16, "big")


class View(BaseModel):
    id: str
    kind: str
    tax_id: str
    name: str
    environment: str


app = FastAPI(openapi_url=None)
engine = create_async_engine(f"sqlite+aiosqlite:///{DATABASE}") if DATABASE else None
sessions = async_sessionmaker(engine, expire_on_commit=False) if engine else None
key = open(KEY_FILE, "rb").read() if KEY_FILE else b""


async def session():
    async with sessions() as it:
        yield it


def claims(authorization: str = Header()):
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise HTTPException(401)
    try:
        required = ["exp", "nbf", "iat", "sub", "jti"]
        return jwt.decode(token, key, ["EdDSA"], audience=AUDIENCE, issuer=ISSUER, options={"require": required})
    except jwt.PyJWTError as error:
        raise HTTPException(401) from error


@app.get("/readyz")
async def ready() -> dict:
    return {}


@app.get("/api/taxpayers/{taxpayer}")
async def read(taxpayer: str, who: dict = Depends(claims), db: AsyncSession = Depends(session)) -> View:
    tenant, identifier = bytes_of(who["tenant_id"]), bytes_of(taxpayer)
    statement = select(Taxpayer).where(Taxpayer.tenant_id == tenant, Taxpayer.id == identifier)
    row = (await db.execute(statement)).scalar_one_or_none()
    if row is None:
        raise HTTPException(404)
    return View(id=row.id.hex(), kind=row.kind, tax_id=row.tax_id, name=row.name, environment=row.environment)


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(PORT), log_level="error", access_log=False)

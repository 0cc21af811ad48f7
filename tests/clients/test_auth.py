"""Tokens signed by PyJWT, and keys written by it and by cryptography, against a PHP server."""

import asyncio
import datetime
import json
import os
import tempfile
import unittest
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from php_server import PhpServer, seconds

SECRET = "a secret of the tests, which is long enough"


def later(delta: int = 60) -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=delta)


def claims(**more) -> dict:
    return {"sub": "ann", "exp": later(), "iat": later(0), "nbf": later(0)} | more


def pem(key) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


class AuthTest(unittest.IsolatedAsyncioTestCase):
    def serve(self, **options) -> str:
        server = PhpServer("tests/clients/auth.php", env={"JWT": json.dumps(options)})
        self.addCleanup(server.stop)
        return server.url()

    async def who(self, url: str, token: str, header: bool = True):
        headers = {"Authorization": f"Bearer {token}"} if header else {}
        target = url if header else f"{url}?token={token}"
        async with connect(target, additional_headers=headers, open_timeout=seconds(10)) as client:
            await client.send("who am I?")
            self.claims = json.loads(client.response.headers["X-Claims"])
            return json.loads(await asyncio.wait_for(client.recv(), seconds(10)))

    async def refused(self, url: str, token: str) -> None:
        with self.assertRaises(InvalidStatus) as caught:
            await self.who(url, token)
        self.assertEqual(caught.exception.response.status_code, 401)

    async def test_every_algorithm_lets_its_own_tokens_in_and_no_others(self) -> None:
        rs = rsa.generate_private_key(public_exponent=65537, key_size=3072)
        es = ec.generate_private_key(ec.SECP256R1())
        servers = {
            "HS256": (self.serve(secret=SECRET), SECRET),
            "RS256": (self.serve(publicKey=pem(rs)), rs),
            "ES256": (self.serve(publicKey=pem(es)), es),
        }
        for algorithm, (url, key) in servers.items():
            token = jwt.encode(claims(topics=["lobby"], tags={"lang": "FR", "level": 3}), key, algorithm)
            for header in (True, False):
                self.assertEqual(await self.who(url, token, header), ["ann", ["lobby"], {"lang": "FR", "level": 3}])
            self.assertEqual(self.claims["sub"], "ann")
            for other, (_, wrong) in servers.items():
                if other != algorithm:
                    await self.refused(url, jwt.encode(claims(), wrong, other))
            await self.refused(url, jwt.encode(claims(), None, "none"))
        for stronger in ("HS384", "HS512"):
            await self.refused(servers["HS256"][0], jwt.encode(claims(), SECRET * 2, stronger))

    async def test_the_other_registered_algorithms_let_their_own_tokens_in(self) -> None:
        rs = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        ed = ed25519.Ed25519PrivateKey.generate()
        p384, p521 = ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP521R1())
        k256 = ec.generate_private_key(ec.SECP256K1())
        for key, algorithms in [
            (rs, ["RS384", "RS512", "PS256", "PS384", "PS512"]),
            (p384, ["ES384"]),
            (p521, ["ES512"]),
            (k256, ["ES256K"]),
            (ed, ["EdDSA"]),
        ]:
            kind = jwt.algorithms.get_default_algorithms()[algorithms[0]]
            with tempfile.TemporaryDirectory() as folder:
                jwks = Path(folder, "jwks.json")
                public = json.loads(kind.to_jwk(key.public_key()))
                jwks.write_text(json.dumps({"keys": [public | {"use": "sig", "kid": "one"}]}))
                for url in (self.serve(publicKey=pem(key)), self.serve(jwks=str(jwks))):
                    for algorithm in algorithms:
                        with self.subTest(algorithm):
                            good = jwt.encode(claims(), key, algorithm, headers={"kid": "one"})
                            self.assertEqual(await self.who(url, good), ["ann", [], []])
                            await self.refused(url, good[:-8] + "AAAAAAAA")
        long = self.serve(secret=SECRET * 2)
        for algorithm in ("HS256", "HS384", "HS512"):
            self.assertEqual((await self.who(long, jwt.encode(claims(), SECRET * 2, algorithm)))[0], "ann")

    async def test_a_token_whose_empty_arrays_are_lists_is_good(self) -> None:
        url = self.serve(secret=SECRET)
        for more, topics, tags in [
            ({"tags": []}, [], []),
            ({"tags": {"lang": None, "roles": []}, "topics": None}, [], []),
            ({"topics": {"0": "a", "2": "b"}, "tags": {}, "aud": [], "nbf": None}, ["a", "b"], []),
            ({"topics": [7], "tags": {"level": 3}, "aud": None}, ["7"], {"level": 3}),
        ]:
            with self.subTest(more):
                payload = json.dumps(claims(exp=later().timestamp(), iat=None, nbf=None) | more).encode()
                token = jwt.api_jws.encode(payload, SECRET, "HS256")
                self.assertEqual(await self.who(url, token), ["ann", topics, tags])

    async def test_claims_are_read_as_pyjwt_writes_them(self) -> None:
        url = self.serve(secret=SECRET, audience=["chat", "game"], issuer="https://login.example", userClaim="name")
        good = claims(aud=["x", "chat"], iss="https://login.example", name="Zoë 👋", deep={"er": [1, 2.5, None]})
        self.assertEqual(await self.who(url, jwt.encode(good, SECRET)), ["Zoë 👋", [], []])
        self.assertEqual(self.claims["deep"], {"er": [1, 2.5, None]})
        for bad in (
            {"aud": "other"},
            {"iss": "https://login.example/"},
            {"exp": later(-31)},
            {"nbf": later(60)},
            {"iat": later(60)},
            {"topics": ["a b"]},
        ):
            await self.refused(url, jwt.encode(good | bad, SECRET))

    async def test_a_set_of_keys_is_read_again_when_it_is_replaced(self) -> None:
        old, new = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)
        folder = tempfile.TemporaryDirectory(prefix="ferrite-jwks-")
        self.addCleanup(folder.cleanup)
        file = Path(folder.name, "jwks.json")

        def write(**keys) -> None:
            convert = {ec.EllipticCurvePrivateKey: ECAlgorithm.to_jwk, rsa.RSAPrivateKey: RSAAlgorithm.to_jwk}
            found = []
            for name, key in keys.items():
                to_jwk = next(to_jwk for kind, to_jwk in convert.items() if isinstance(key, kind))
                found.append(json.loads(to_jwk(key.public_key())) | {"kid": name})
            fresh = file.with_suffix(".new")
            fresh.write_text(json.dumps({"keys": found}))
            os.replace(fresh, file)

        write(old=old)
        url = self.serve(jwks=str(file))
        by_old = jwt.encode(claims(), old, "ES256", headers={"kid": "old"})
        by_new = jwt.encode(claims(), new, "RS256", headers={"kid": "new"})
        self.assertEqual((await self.who(url, by_old))[0], "ann")
        await self.refused(url, by_new)
        write(new=new)
        async with asyncio.timeout(seconds(30)):
            while True:
                try:
                    self.assertEqual((await self.who(url, by_new))[0], "ann")
                    break
                except InvalidStatus:
                    await asyncio.sleep(0.1)
        await self.refused(url, by_old)


if __name__ == "__main__":
    unittest.main()

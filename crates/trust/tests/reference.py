"""Verdicts of the reference implementation of OpenSSF Model Signing.

Reads a list of cases as JSON from the file that is named first, and writes what `model_signing` says of each to the file that
is named second: null where it accepts, its error's name otherwise.
"""

import contextlib
import io
import json
import pathlib
import sys

from model_signing import hashing, signing, verifying


def verify(case):
    config = verifying.Config()
    if case["roots"]:
        config = config.use_certificate_verifier(certificate_chain=[case["signer"]])
    else:
        config = config.use_elliptic_key_verifier(public_key=case["signer"])
    model = pathlib.Path(case["model"])
    signature = pathlib.Path(case["signature"])
    # As its command does: the signature itself is no part of the model.
    ignored = [signature.relative_to(model)] if signature.is_relative_to(model) else []
    hashes = hashing.Config().set_ignored_paths(paths=ignored, ignore_git_paths=True)
    config.set_hashing_config(hashes).verify(model, signature)


def sign(case):
    model = pathlib.Path(case["model"])
    signature = pathlib.Path(case["signature"])
    config = signing.Config()
    if case["certificates"]:
        config = config.use_certificate_signer(
            private_key=case["key"], signing_certificate=case["certificates"][0],
            certificate_chain=case["certificates"][1:],
        )
    else:
        password = case["passphrase"].encode() if case["passphrase"] else None
        config = config.use_elliptic_key_signer(private_key=case["key"], password=password)
    ignored = [signature.relative_to(model)] if signature.is_relative_to(model) else []
    ignored += case["ignored"]
    config.set_hashing_config(hashing.Config().set_ignored_paths(paths=ignored)).sign(model, signature)


def verdict(case):
    # It prints warnings.
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            {"sign": sign, "verify": verify}[case["do"]](case)
        except Exception as error:  # Whatever it raises is a refusal.
            return f"{type(error).__name__}: {error}"[:300]
    return None


cases = json.loads(pathlib.Path(sys.argv[1]).read_text())
pathlib.Path(sys.argv[2]).write_text(json.dumps([verdict(case) for case in cases]))

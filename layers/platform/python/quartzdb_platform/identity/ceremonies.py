"""What browsers and authenticators say and are told, in WebAuthn's words. The only module that knows the library.

Source: https://www.w3.org/TR/webauthn-3/, sections 7.1 and 7.2. Attestation is not asked for: it would say who made an
authenticator, and nobody here decides by that.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    base64url_to_bytes,
    bytes_to_base64url,
    options_to_json_dict,
    parse_authentication_credential_json,
    parse_client_data_json,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from quartzdb.domain.errors import InvalidArgument
from quartzdb_platform.domain.passkey import Passkey, RelyingParty
from quartzdb_platform.domain.records import User

TIMEOUT_MS = 5 * 60_000
CREDENTIAL_ID_BYTES_MAX = 1_023
"""WebAuthn's own limit."""
# What the library lets through of its parsers where an answer is not shaped as one.
_MALFORMED = (WebAuthnException, ValueError, TypeError, LookupError, AttributeError, UnsupportedAlgorithm)


class Made(NamedTuple):
    """A new key as its authenticator tells it."""

    credential_id: str
    public_key: str
    sign_count: int
    backed_up: bool


class Shown(NamedTuple):
    """Which key an answer says that it is of, before anything is proven."""

    credential_id: str
    user_id: str | None


def registration_options(
    site: RelyingParty, user: User, challenge: bytes, present: Iterable[Passkey]
) -> dict[str, Any]:
    """For `navigator.credentials.create`. A passkey that the person has is not made again by the same authenticator."""
    options = generate_registration_options(
        rp_id=site.id,
        rp_name=site.name,
        user_id=user.id.encode(),
        user_name=user.email,
        challenge=challenge,
        timeout=TIMEOUT_MS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            require_resident_key=True,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=_descriptors(present),
    )
    return options_to_json_dict(options)


def assertion_options(
    site: RelyingParty, challenge: bytes, allowed: Iterable[Passkey] = ()
) -> dict[str, Any]:
    """For `navigator.credentials.get`. With none allowed by name, the person chooses among those of this site."""
    options = generate_authentication_options(
        rp_id=site.id,
        challenge=challenge,
        timeout=TIMEOUT_MS,
        allow_credentials=_descriptors(allowed),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json_dict(options)


def challenge_of(credential: dict[str, Any]) -> bytes:
    """The challenge that an answer says that it answers. Raises InvalidArgument where there is none."""
    try:
        client_data = parse_client_data_json(base64url_to_bytes(credential["response"]["clientDataJSON"]))
    except _MALFORMED as error:
        raise _refused("it has no client data") from error
    if client_data.cross_origin:
        raise _refused("it was made in a frame of another site")
    return client_data.challenge


def verified_registration(site: RelyingParty, credential: dict[str, Any], challenge: bytes) -> Made:
    """Raises InvalidArgument."""
    try:
        verified = verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.id,
            expected_origin=list(site.origins),
            require_user_verification=True,
        )
    except _MALFORMED as error:
        raise _refused(str(error)) from error
    if len(verified.credential_id) > CREDENTIAL_ID_BYTES_MAX:
        raise _refused(f"its id has more than {CREDENTIAL_ID_BYTES_MAX} bytes")
    return Made(
        bytes_to_base64url(verified.credential_id),
        bytes_to_base64url(verified.credential_public_key),
        verified.sign_count,
        verified.credential_device_type is CredentialDeviceType.MULTI_DEVICE
        and verified.credential_backed_up,
    )


def shown_by(credential: dict[str, Any]) -> Shown:
    """Raises InvalidArgument."""
    try:
        parsed = parse_authentication_credential_json(json.dumps(credential))
        handle = parsed.response.user_handle
        return Shown(bytes_to_base64url(parsed.raw_id), handle.decode() if handle else None)
    except _MALFORMED as error:
        raise _refused(str(error)) from error


def verified_count(site: RelyingParty, credential: dict[str, Any], challenge: bytes, passkey: Passkey) -> int:
    """The count of uses that the authenticator tells with a good signature. Raises InvalidArgument."""
    try:
        verified = verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.id,
            expected_origin=list(site.origins),
            credential_public_key=base64url_to_bytes(passkey.public_key),
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=True,
        )
    except _MALFORMED as error:
        raise _refused(str(error)) from error
    return verified.new_sign_count


def _descriptors(passkeys: Iterable[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(base64url_to_bytes(one.credential_id)) for one in passkeys]


def _refused(why: str) -> InvalidArgument:
    return InvalidArgument(
        f"The answer of the authenticator cannot be used: {why[:200]}.".replace("..", "."),
        field="credential",
        hint="Ask for options again, and send what the browser answers as it is.",
    )

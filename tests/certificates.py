"""A certificate authority of a test's own, which no system trusts.

    authority = CertificateAuthority(folder)
    ScriptedEndpoint(tls=authority.server())                    # a certificate for whoever is asked
    ScriptedEndpoint(tls=authority.server("else.example.test"))     # always for this name
    ... AWS_CA_BUNDLE=authority.path ...
"""

import datetime
import ipaddress
import ssl
import threading
import uuid

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


class CertificateAuthority:
    def __init__(self, folder, name="authority of the tests"):
        self.path = folder / f"{name.replace(' ', '-')}.pem"
        self._folder = folder
        self._name = _name(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        # One key for all servers: making one takes longer than signing for it.
        self._server_key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(self._name, self._key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        builder = builder.add_extension(
            x509.KeyUsage(False, False, False, False, False, True, True, False, False), True
        )
        self.path.write_bytes(_pem(builder.sign(self._key, hashes.SHA256())))

    def _builder(self, subject, public_key):
        now = datetime.datetime.now(datetime.timezone.utc)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + DAY)
        )

    def _certificate(self, host):
        try:
            name = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            name = x509.DNSName(host)
        builder = self._builder(_name("a server of the tests"), self._server_key.public_key())
        builder = builder.add_extension(x509.SubjectAlternativeName([name]), False)
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False
        )
        return builder.sign(self._key, hashes.SHA256())

    def server_pem(self, host):
        """A server's key and certificate, for a server that is no Python."""
        key = self._server_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return key + _pem(self._certificate(host))

    def _context(self, host):
        # A file of its own: two servers may be asked by the same name at the same time.
        path = self._folder / f"{uuid.uuid4().hex}.pem"
        path.write_bytes(self.server_pem(host))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def server(self, host=None):
        """A server's context; without `host` its certificate is for the name that it is asked by,
        and for 127.0.0.1 where it is asked by none."""
        context = self._context(host or "127.0.0.1")
        by_name = {}
        lock = threading.Lock()

        def choose(connection, name, _):
            with lock:
                if name and name not in by_name:
                    by_name[name] = self._context(name)
            connection.context = by_name.get(name, context)

        if host is None:
            context.sni_callback = choose
        return context

"""Well-known service names of ports, in the spelling of the IANA registry where it has one."""

import numpy as np

TCP, UDP = 6, 17

_BOTH = {
    7: "echo", 53: "domain", 88: "kerberos", 123: "ntp", 389: "ldap", 443: "https", 464: "kpasswd", 500: "isakmp",
    514: "syslog", 853: "domain-s", 3478: "stun", 4500: "ipsec-nat-t", 5060: "sip", 5353: "mdns", 51820: "wireguard",
}  # fmt: skip
_UDP = {67: "bootps", 68: "bootpc", 69: "tftp", 137: "netbios-ns", 138: "netbios-dgm", 161: "snmp", 162: "snmptrap",
        1812: "radius", 1813: "radius-acct", 1900: "ssdp", 4789: "vxlan", 5355: "llmnr", 41641: "tailscale"}  # fmt: skip
_TCP = {
    20: "ftp-data", 21: "ftp", 22: "ssh", 23: "telnet", 25: "smtp", 80: "http", 110: "pop3", 111: "sunrpc", 119: "nntp",
    135: "epmap", 139: "netbios-ssn", 143: "imap", 179: "bgp", 445: "microsoft-ds", 465: "submissions", 515: "printer",
    543: "klogin", 554: "rtsp", 587: "submission", 631: "ipp", 636: "ldaps", 873: "rsync", 989: "ftps-data", 990: "ftps",
    993: "imaps", 995: "pop3s", 1080: "socks", 1433: "ms-sql-s", 1521: "oracle", 1723: "pptp", 1883: "mqtt",
    2049: "nfs", 2181: "zookeeper", 2375: "docker", 2376: "docker-s", 2379: "etcd-client", 2380: "etcd-server",
    3000: "grafana", 3128: "http-proxy", 3260: "iscsi-target", 3306: "mysql", 3389: "ms-wbt-server", 4222: "nats",
    5044: "beats", 5222: "xmpp-client", 5269: "xmpp-server", 5432: "postgresql", 5671: "amqps", 5672: "amqp",
    5900: "rfb", 5985: "wsman", 5986: "wsmans", 6379: "redis", 6443: "kubernetes", 6514: "syslog-tls", 6667: "ircu",
    8000: "irdmi", 8080: "http-alt", 8086: "influxdb", 8123: "clickhouse", 8200: "vault", 8443: "https-alt",
    8500: "consul", 8883: "secure-mqtt", 9000: "cslistener", 9042: "cassandra", 9090: "prometheus", 9092: "kafka",
    9100: "node-exporter", 9200: "elasticsearch", 9418: "git", 10250: "kubelet", 11211: "memcache", 11434: "ollama",
    15672: "rabbitmq", 25565: "minecraft", 27017: "mongodb", 32400: "plex", 50051: "grpc",
}  # fmt: skip

NAMES: list[str] = sorted({*_BOTH.values(), *_TCP.values(), *_UDP.values()})
"""The dictionary that `indices` points into."""


def _table(*parts: dict[int, str]) -> np.ndarray:
    table = np.full(65_536, -1, dtype=np.int32)
    for part in parts:
        for port, name in part.items():
            table[port] = NAMES.index(name)
    return table


_BY_PROTOCOL = {TCP: _table(_BOTH, _TCP), UDP: _table(_BOTH, _UDP)}


def indices(protocols: np.ndarray, ports: np.ndarray) -> np.ndarray:
    """For each (protocol, port) the place of its name in `NAMES`, or -1."""
    found = np.full(len(ports), -1, dtype=np.int32)
    for protocol, table in _BY_PROTOCOL.items():
        rows = protocols == protocol
        found[rows] = table[ports[rows]]
    return found

"""The whole study once more, naively: plain torch, dictionaries and loops."""

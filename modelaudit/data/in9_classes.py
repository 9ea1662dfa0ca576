"""The nine classes of ImageNet-9 in the thousand of ImageNet (Xiao et al., ICLR 2021, ``in_to_in9.json``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

IMAGENET_CLASSES = 1000
_RANGES = {
    "00_dog": "151-170 173-268",
    "01_bird": "7-24 87-100 127-146",
    "02_wheeled vehicle": (
        "407-408 428 436 444 468 511 547 555 561 565 569 573 586 603 609 612 627 656 661 665 670-671 675 690 705 717 "
        "734 751 757 791 802-803 817 820 829 847 864 866-867 870 880"
    ),
    "03_reptile": "33-68",
    "04_carnivore": "269-280 286-299 356-362 387-388",
    "05_insect": "300-326",
    "06_musical instrument": (
        "401-402 420 432 486 494 513 541 546 558 566 577 579 593-594 641-642 683-684 687 699 776 822 875 881 889"
    ),
    "07_primate": "365-384",
    "08_fish": "0-6 389-397",
}


def _indices(text: str) -> Iterator[int]:
    for part in text.split():
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


#: by folder, the indices of ImageNet's classes that count as it; those of no folder are "none", and always wrong
IN9_CLASSES: Mapping[str | int, tuple[int, ...]] = {name: tuple(_indices(text)) for name, text in _RANGES.items()}
